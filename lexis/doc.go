// Package lexis knows words: it splits texts into them, folds them so that case and
// accents do not matter, reduces them to their stems where the site has a language,
// and reads the queries that people type. Both databases index what it makes, so
// that both find the same; what is no word never reaches either as syntax.
//
// It has no state that changes and starts no goroutines.
package lexis
