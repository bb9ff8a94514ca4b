package labour

import "fmt"

// hoursOf reads FROM-TO.
func hoursOf(text string) (from, to int, err error) {
	n, err := fmt.Sscanf(text, "%d-%d", &from, &to)
	if err == nil && (n != 2 || text != fmt.Sprintf("%d-%d", from, to) || from < 0 || from > 23 || to < 0 || to > 23 || from == to) {
		err = fmt.Errorf("%q is no part of the day", text)
	}
	return from, to, err
}

func validHours(text string) bool {
	_, _, err := hoursOf(text)
	return err == nil
}

// now reports whether units are done in that hour of the day.
func (w *Wish) now(hour int) bool {
	from, to, err := hoursOf(w.Hours)
	switch {
	case err != nil: // none are said
		return true
	case from < to:
		return from <= hour && hour < to
	}
	return hour >= from || hour < to
}
