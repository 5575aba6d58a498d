package storage

import (
	"context"
	"errors"
	"strconv"
)

var errUndo = errors.New("undo")

// VerifyDamaged is what Verify would find after a statement, which is undone.
func (db *DB) VerifyDamaged(ctx context.Context, damage string) (found []Finding, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, damage); err != nil {
			return err
		}
		var err error
		if found, err = db.verify(ctx, t); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	return found, err
}

// LimitPages makes the file of the embedded store full at n more pages than it
// has, or never where n is negative.
func (db *DB) LimitPages(ctx context.Context, n int) error {
	w := db.eng.(*lite).writer
	var pages int
	if err := w.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	limit := pages + n
	if n < 0 {
		limit = 4294967294
	}
	return w.QueryRowContext(ctx, "PRAGMA max_page_count = "+strconv.Itoa(limit)).Scan(&pages)
}
