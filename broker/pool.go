package broker

import "sync"

// pool lends values that are costly to make anew. The zero value is ready; what
// is not lent may be collected at any time.
type pool[T any] struct{ free sync.Pool }

func (p *pool[T]) get() *T {
	if v, ok := p.free.Get().(*T); ok {
		return v
	}
	return new(T)
}

func (p *pool[T]) put(v *T) { p.free.Put(v) }
