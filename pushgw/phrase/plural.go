package phrase

import "strings"

// forms are the plural categories of the CLDR.
func forms() []string { return []string{"zero", "one", "two", "few", "many", "other"} }

// form is the category of a whole number from 1 on in a language, by the rules of
// the CLDR; a language that is not named here has two.
func form(tag string, n int) string {
	base, _, _ := strings.Cut(tag, "-")
	tens, hundreds := n%10, n%100
	few := tens >= 2 && tens <= 4 && (hundreds < 12 || hundreds > 14)
	switch base {
	case "ja", "zh", "ko", "vi", "th", "id", "ms":
		return "other"
	case "ru", "uk", "be":
		switch {
		case tens == 1 && hundreds != 11:
			return "one"
		case few:
			return "few"
		}
		return "many"
	case "pl":
		switch {
		case n == 1:
			return "one"
		case few:
			return "few"
		}
		return "many"
	case "cs", "sk":
		switch {
		case n == 1:
			return "one"
		case n >= 2 && n <= 4:
			return "few"
		}
		return "other"
	}
	if n == 1 {
		return "one"
	}
	return "other"
}
