package schemas

// maxSubject is how long a subject's name may be, in bytes.
const maxSubject = 128

// validSubject reports whether name is a subject's name: a letter or digit, then letters,
// digits, dots, underscores and hyphens, 128 at most.
func validSubject(name string) bool {
	if name == "" || len(name) > maxSubject {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if isAlpha(c) || isDigit(c) || i > 0 && (c == '.' || c == '_' || c == '-') {
			continue
		}
		return false
	}
	return true
}
