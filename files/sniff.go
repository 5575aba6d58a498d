package files

import (
	"bytes"
	"net/http"
	"path"
	"strings"
)

// Type says what a file is by its beginning, of which 512 bytes are enough. The name
// makes a difference only between archives: of what a browser might run or show, a
// name decides nothing.
func Type(head []byte, name string) string {
	mediaType := sniff(head)
	if mediaType == "application/zip" {
		if kind, ok := zipped[strings.ToLower(path.Ext(name))]; ok {
			return kind
		}
	}
	return mediaType
}

// sniff knows, beside what net/http does (WHATWG MIME Sniffing), pictures that run
// scripts and newer kinds of pictures.
func sniff(head []byte) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	for _, sign := range []string{"<svg", "<!doctype svg"} {
		if len(text) >= len(sign) && strings.EqualFold(string(text[:len(sign)]), sign) {
			return "image/svg+xml"
		}
	}
	if bytes.HasPrefix(text, []byte("<?xml")) && bytes.Contains(bytes.ToLower(text), []byte("<svg")) {
		return "image/svg+xml"
	}
	// ISO base media files (ISO 14496-12 section 4.3) say by their brand what they are.
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		switch string(head[8:12]) {
		case "avif", "avis":
			return "image/avif"
		case "heic", "heix", "hevc", "hevx", "mif1", "msf1":
			return "image/heic"
		}
	}
	return http.DetectContentType(head)
}

// zipped are the kinds of ZIP archives that are documents, by what their names end in.
var zipped = map[string]string{
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".odt":  "application/vnd.oasis.opendocument.text",
	".ods":  "application/vnd.oasis.opendocument.spreadsheet",
	".odp":  "application/vnd.oasis.opendocument.presentation",
	".epub": "application/epub+zip",
}
