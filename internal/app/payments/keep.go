package payments

import "dargah/internal/app/checkout"

// keep stores a reference, bound if it asks for that and nobody holds it.
func (s *step) keep(r *checkout.Reference) error {
	stored, err := s.tx.InsertReference(r)
	if err != nil || stored {
		return err
	}
	r.Bound = false
	_, err = s.tx.InsertReference(r)
	return err
}

// keepIntended is keep for a reference that finds the seat free: it is stored as the first intended
// call at once, unless another attempt holds it, and need not be written a second time. It reports
// whether it was; then nothing but an error, which undoes the step, keeps it from the seat.
func (s *step) keepIntended(r *checkout.Reference, free bool) (bool, error) {
	if !free {
		return false, s.keep(r)
	}
	first := *r
	first.Status, first.Asks, first.Open = checkout.ReferenceAsking, 1, true
	stored, err := s.tx.InsertReference(&first)
	if err == nil && stored {
		*r = first
		return true, nil
	}
	if err == nil {
		r.Bound = false
		_, err = s.tx.InsertReference(r)
	}
	return false, err
}
