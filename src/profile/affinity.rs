use crate::model::{Duration, Instant};
use crate::profile::{EventKind, Packed, PropertyId, Symbols};

/// What feeds the affinities of a property: which events, by which weight, and how fast they fade.
#[derive(Debug, Clone)]
pub(crate) struct AffinityRule {
    pub(crate) property: PropertyId,
    pub(crate) half_life: Duration,
    /// Weight by kind of event; none means that every event counts once.
    pub(crate) weights: Option<Vec<(EventKind, f64)>>,
}

impl AffinityRule {
    pub(crate) fn weight(&self, kind: EventKind) -> f64 {
        match &self.weights {
            None => 1.0,
            Some(weights) => weights.iter().find(|(k, _)| *k == kind).map_or(0.0, |(_, weight)| *weight),
        }
    }
}

/// Decayed weights of one property's values, by forward decay (Cormode et al., ICDE 2009): a weight is stored as
/// it would be at the landmark, so that time alone changes nothing and shares are ratios of stored weights.
#[derive(Debug, Default)]
pub(crate) struct Affinity {
    landmark: Instant,
    values: Vec<Weighed>,
}

#[derive(Debug, Clone, Copy)]
struct Weighed {
    value: Packed,
    weight: f64,
    /// When it was seen last, by instant and arrival.
    seen: (Instant, u32),
}

/// Half-lives between an event and the landmark beyond which the landmark moves: 2^60 leaves a float room enough.
const RESCALE: f64 = 60.0;

impl Affinity {
    fn factor(&self, at: Instant, half_life: Duration) -> f64 {
        libm::exp2((at - self.landmark).as_millis() as f64 / half_life.as_millis() as f64)
    }

    /// Takes an interaction in; the share of `value` passes to the affinity.
    pub(crate) fn add(
        &mut self,
        value: Packed,
        weight: f64,
        at: Instant,
        arrival: u32,
        half_life: Duration,
        symbols: &mut Symbols,
    ) {
        if self.values.is_empty() {
            self.landmark = at;
        }
        self.rescale(at, half_life);
        let weight = weight * self.factor(at, half_life);
        if let Some(known) = self.values.iter_mut().find(|known| symbols.same(known.value, value)) {
            known.weight += weight;
            known.seen = known.seen.max((at, arrival));
            symbols.release(value);
        } else {
            self.values.reserve_exact(1);
            self.values.push(Weighed { value, weight, seen: (at, arrival) });
        }
    }

    fn rescale(&mut self, at: Instant, half_life: Duration) {
        if (at - self.landmark).as_millis() as f64 <= RESCALE * half_life.as_millis() as f64 {
            return;
        }
        let factor = self.factor(at, half_life);
        self.values.iter_mut().for_each(|known| known.weight /= factor);
        self.landmark = at;
    }

    /// The share of a value in all interactions, in [0, 1]; 0 where there are none.
    pub(crate) fn share(&self, is_value: impl Fn(Packed) -> bool) -> f64 {
        let all: f64 = self.values.iter().map(|known| known.weight).sum();
        let own = self.values.iter().find(|known| is_value(known.value)).map_or(0.0, |known| known.weight);
        if all > 0.0 { own / all } else { 0.0 }
    }

    /// The value with the largest share; of equals the one seen last.
    pub(crate) fn top(&self) -> Packed {
        let largest =
            self.values.iter().max_by(|a, b| a.weight.total_cmp(&b.weight).then(a.seen.cmp(&b.seen)));
        largest.filter(|known| known.weight > 0.0).map_or(Packed::MISSING, |known| known.value)
    }

    pub(crate) fn absorb(&mut self, other: Affinity, half_life: Duration, symbols: &mut Symbols) {
        for theirs in other.values {
            let (at, arrival) = theirs.seen;
            // What their weight would be if all of it had come at `at`.
            let since = (other.landmark - at).as_millis() as f64 / half_life.as_millis() as f64;
            self.add(theirs.value, theirs.weight * libm::exp2(since), at, arrival, half_life, symbols);
        }
    }

    pub(crate) fn release(self, symbols: &mut Symbols) {
        self.values.into_iter().for_each(|known| symbols.release(known.value));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Packed, f64, Instant)> {
        self.values.iter().map(|known| (known.value, known.weight, known.seen.0))
    }
}
