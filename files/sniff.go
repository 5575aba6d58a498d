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
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		if kind := ofBrand(string(head[8:12])); kind != "" {
			return kind
		}
	}
	for sign, kind := range signs {
		if bytes.HasPrefix(head, []byte(sign)) {
			return kind
		}
	}
	return http.DetectContentType(head)
}

// ofBrand is the type of an ISO base media file (ISO 14496-12 section 4.3) that says by
// its brand what it is.
func ofBrand(brand string) string {
	switch brand {
	case "avif", "avis":
		return "image/avif"
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1":
		return "image/heic"
	case "crx ":
		return "image/x-raw"
	case "qt  ":
		return "video/quicktime"
	case "M4A ", "M4B ":
		return "audio/mp4"
	case "isom", "iso2", "iso4", "iso5", "iso6", "avc1", "dash", "M4V ":
		return "video/mp4"
	}
	if strings.HasPrefix(brand, "3gp") || strings.HasPrefix(brand, "3g2") {
		return "video/3gpp"
	}
	return ""
}

// signs are how other pictures begin, those of cameras included: TIFF is most of them.
var signs = map[string]string{
	"II*\x00": "image/tiff", "MM\x00*": "image/tiff", "II+\x00": "image/tiff", "MM\x00+": "image/tiff",
	"\x00\x00\x00\x0cJXL \r\n\x87\n": "image/jxl", "\x00\x00\x00\x0cjP  \r\n\x87\n": "image/jp2", "8BPS": "image/vnd.adobe.photoshop",
	"IIRO": "image/x-raw", "IIRS": "image/x-raw", "IIU\x00": "image/x-raw", "FUJIFILMCCD-RAW": "image/x-raw", "FOVb": "image/x-raw",
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
