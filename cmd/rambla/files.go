package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/auth"
	"rambla/files"
	"rambla/picture"
	"rambla/social"
)

// filed is what a server needs for files.
type filed struct {
	blobs       *files.Disk
	attachments *social.Attachments
	links       *auth.Links
	media       *auth.Media
	avatars     *social.Avatars
	thumbnails  *social.Thumbnails
}

// openFiles opens the directory of files, and finds out what links to them are signed
// with.
func (s *site) openFiles(ctx context.Context, c *Config, metrics prometheus.Registerer) (*filed, error) {
	workshop, err := picture.NewWorkshop(c.pictureLimits(), metrics)
	if err != nil {
		return nil, err
	}
	blobs, err := files.Open(files.Config{Dir: filepath.Join(c.Data, filesDir), Alone: c.DatabaseURL == "", Now: time.Now})
	if err != nil {
		return nil, err
	}
	f := &filed{blobs: blobs}
	if f.links, f.media, err = s.signers(ctx, c); err != nil {
		return nil, errors.Join(err, blobs.Close())
	}
	f.attachments = social.NewAttachments(social.AttachmentDeps{
		Directory: s.dir, Posts: s.posts, Store: s.db, Blobs: blobs, Type: files.Type,
		Inspector: workshop, IDs: &social.IDs{}, Logger: s.logger, Now: time.Now,
	}, c.fileLimits())
	f.thumbnails = social.NewThumbnails(f.attachments, workshop)
	f.avatars = social.NewAvatars(s.spaces, s.talks, s.db, blobs, workshop, c.AvatarsMaxBytes, s.logger, time.Now)
	s.erasures.Also(f.avatars.Forget)
	s.erasures.Also(func(ctx context.Context, _ social.Person) error { return f.attachments.SweepAll(ctx) })
	return f, nil
}

func (c *Config) pictureLimits() picture.Limits {
	return picture.Limits{Pixels: c.PicturesMaxPixels, Memory: c.PicturesMemory}
}

func (c *Config) fileLimits() social.AttachmentLimits {
	return social.AttachmentLimits{Size: c.FilesMaxSize, Quota: c.FilesQuota, Allow: c.FilesAllow, Refuse: c.FilesRefuse}
}

// siteSecret is the name under which the store keeps what the site signs with.
const siteSecret = "site"

// signers sign links by the keys of the configuration, or else by the store's own,
// and media tokens always by that.
func (s *site) signers(ctx context.Context, c *Config) (*auth.Links, *auth.Media, error) {
	secret, err := s.db.KeepSecret(ctx, siteSecret, auth.NewSiteSecret(), time.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("find the site's secret: %w", err)
	}
	keys, err := c.linkKeys()
	if err != nil {
		return nil, nil, err
	}
	media, err := auth.NewMedia(secret, s.auth, time.Now)
	// Behind those of the configuration, so that links from before they came stay good.
	return auth.NewLinks(append(keys, auth.SiteLinkKey(secret)), time.Now), media, err
}

func (c *Config) linkKeys() ([]auth.LinkKey, error) {
	keys, err := auth.ParseLinkKeys("files.link_keys", c.FilesLinkKeys)
	if err != nil {
		return nil, usageError{err}
	}
	return keys, nil
}

// checkFilesKeys checks the keys of the group files that are more than a number.
func (c *Config) checkFilesKeys() error {
	if c.FilesQuota < c.FilesMaxSize {
		return usagef("files.quota: %d is less than the one file of files.max_size", c.FilesQuota)
	}
	for key, list := range map[string][]string{"files.allow": c.FilesAllow, "files.refuse": c.FilesRefuse} {
		for _, t := range list {
			if err := social.CheckMediaType(key, t); err != nil {
				return usageError{err}
			}
		}
	}
	_, err := c.linkKeys()
	return err
}
