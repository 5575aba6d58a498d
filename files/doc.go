// Package files keeps blobs, which is what belongs to the store and is too long for
// it: attachments, pictures of people, renditions. It knows names and bytes, and
// neither whose they are nor who may read them.
//
// [Disk] is social.Blobs in a directory; a bucket can stand in for it. It runs no
// goroutines.
package files
