// Package picture looks into pictures, cleans them and makes small ones of them:
// JPEG, PNG, GIF and WebP. HEIC, AVIF and films are cleaned and not decoded; pictures
// of other kinds that may tell where they were made are refused.
//
// Whoever uploads one is not trusted. What a header promises is read by scanners
// of our own and checked against [Limits] before anything is decoded; what is
// decoded at once is bounded in number and in bytes by the [Workshop]. A cleaned
// picture has no location, EXIF, XMP or comment, no thumbnail of its own making and
// nothing behind its end; it keeps its colour profile (ICC), which says what the
// colours mean and nothing of who took it. Small pictures and generated ones are in
// sRGB and carry none.
//
// There are no goroutines here. It knows no file, no person and no HTTP.
package picture
