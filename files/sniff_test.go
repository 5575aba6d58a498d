package files_test

import (
	"testing"

	"rambla/files"
)

func TestWhatAFileIsSaysItsContentAndNotItsName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ head, name, want string }{
		{"\x89PNG\r\n\x1a\n", "x.html", "image/png"},
		{"<html><script>alert(1)</script>", "picture.png", "text/html; charset=utf-8"},
		{"<script>alert(1)</script>", "picture.png", "text/html; charset=utf-8"},
		{"  \n<SVG onload=alert(1)>", "picture.png", "image/svg+xml"},
		{"\xef\xbb\xbf<?xml version=\"1.0\"?><!-- x --><svg>", "picture.png", "image/svg+xml"},
		{"<!DOCTYPE svg PUBLIC", "x", "image/svg+xml"},
		{"<?xml version=\"1.0\"?><feed>", "x", "text/xml; charset=utf-8"},
		{"\x00\x00\x00\x20ftypavif\x00\x00", "x", "image/avif"},
		{"\x00\x00\x00\x20ftypheic\x00\x00", "x", "image/heic"},
		{"%PDF-1.7", "x.txt", "application/pdf"},
		{"PK\x03\x04", "x.zip", "application/zip"},
		{"PK\x03\x04", "Letter.DOCX", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"MZ\x90\x00", "letter.docx", "application/octet-stream"},
		{"hello", "x.html", "text/plain; charset=utf-8"},
	} {
		if got := files.Type([]byte(c.head), c.name); got != c.want {
			t.Errorf("%q, called %s, is %s and not %s", c.head, c.name, got, c.want)
		}
	}
}
