package picture

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// deed is what was made of a picture; the label deed.
type deed uint8

const (
	deedClean deed = iota
	deedThumbnail
	deedPortrait
	deedCount
)

var deedNames = [deedCount]string{"clean", "thumbnail", "portrait"}

// The label outcome: made; refused, as the picture is at fault; busy, as all places
// were taken; failed.
var outcomeNames = []string{"made", "refused", "busy", "failed"}

type metrics struct {
	deeds   *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, w *Workshop) *metrics {
	m := &metrics{
		deeds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_picture_deeds_total",
			Help: "Pictures that were cleaned or made small, by what came of it.",
		}, []string{"deed", "outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "rambla_picture_duration_seconds",
			Help:    "Time to decode a picture and to make what was wanted of it.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}),
	}
	for _, d := range deedNames {
		for _, o := range outcomeNames {
			m.deeds.WithLabelValues(d, o)
		}
	}
	if r == nil {
		return m
	}
	r.MustRegister(m.deeds, m.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rambla_picture_running",
			Help: "Pictures that are being decoded.",
		}, func() float64 { return float64(len(w.places)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rambla_picture_waiting",
			Help: "Pictures that wait for a place to be decoded.",
		}, func() float64 { return float64(w.waiting.Load()) }))
	return m
}

func (m *metrics) took(d time.Duration) { m.seconds.Observe(d.Seconds()) }

// done counts what came of a deed, and returns err.
func (m *metrics) done(d deed, err error) error {
	outcome := outcomeNames[0]
	if err != nil {
		switch social.KindOf(err) {
		case social.KindInvalid:
			outcome = outcomeNames[1]
		case social.KindUnavailable:
			outcome = outcomeNames[2]
		default:
			outcome = outcomeNames[3]
		}
	}
	m.deeds.WithLabelValues(deedNames[d], outcome).Inc()
	return err
}
