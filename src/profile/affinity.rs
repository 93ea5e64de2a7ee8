use crate::model::{Duration, Instant};
use crate::profile::redefine::RuleMove;
use crate::profile::{EventKind, Packed, PropertyId, Symbols};
use thin_vec::ThinVec;

/// What feeds the affinities of a property: which events, by which weight, and how fast they fade.
#[derive(Debug, Clone)]
pub(crate) struct AffinityRule {
    pub(crate) property: PropertyId,
    pub(crate) half_life: Duration,
    /// Weight by kind of event; none means that every event counts once.
    pub(crate) weights: Option<Vec<(EventKind, f64)>>,
    /// Since when events feed it; nothing for the beginning.
    pub(crate) since: Option<Instant>,
}

impl AffinityRule {
    pub(crate) fn weight(&self, kind: EventKind) -> f64 {
        match &self.weights {
            None => 1.0,
            Some(weights) => weights.iter().find(|(k, _)| *k == kind).map_or(0.0, |(_, weight)| *weight),
        }
    }

    fn lives(&self, at: Instant) -> HalfLives {
        HalfLives::of(at, self.half_life)
    }
}

/// How far apart the landmarks of a rule lie, in half-lives: 2^60 leaves a float room enough.
const ERA: i64 = 60;

/// Counts nothing beside a new weight. What goes on under another half-life grows no fainter: shares must not be lost.
const FAINTEST: f64 = 1e-60;

/// An instant in half-lives since 1970. Each era of them begins with a landmark.
#[derive(Clone, Copy)]
struct HalfLives {
    whole: i64,
    /// In [0, 1).
    rest: f64,
}

impl HalfLives {
    fn of(at: Instant, half_life: Duration) -> HalfLives {
        // A schema that a host makes by hand may say 0.
        let (at, life) = (at.as_millis(), half_life.as_millis().max(1));
        HalfLives { whole: at.div_euclid(life), rest: at.rem_euclid(life) as f64 / life as f64 }
    }

    fn era(self) -> i64 {
        self.whole.div_euclid(ERA)
    }

    /// What an event weighs beside one at the landmark before it. Of 32 bits, so that weights that should be equal are:
    /// sums of a few of them are exact.
    fn factor(self) -> f64 {
        let part = f64::from_bits(libm::exp2(self.rest).to_bits() & !0xF_FFFF);
        libm::scalbn(part, self.whole.rem_euclid(ERA) as i32)
    }

    /// Half-lives since the beginning of an era.
    fn since(self, era: i64) -> f64 {
        (self.whole - era * ERA) as f64 + self.rest
    }
}

/// A weight as it is so many eras later. Exact, until nothing of it is left.
fn faded(weight: f64, eras: i64) -> f64 {
    libm::scalbn(weight, -(eras.clamp(0, 40) * ERA) as i32)
}

/// Decayed weights of the values of properties, by forward decay (Cormode et al., ICDE 2009): a weight is stored
/// as it would be at a landmark, so that time alone changes nothing and shares are ratios of stored weights.
///
/// Invariants: 1. each pair of rule and value is there once. 2. values hold shares in `Symbols`. 3. values are in order
/// of when they were seen last, by instant and arrival, those of one event as it came by them: the order follows from the
/// events, whatever was merged or taken apart since. 4. the landmark of a rule is the beginning of the era of what it saw
/// last: it follows from the values, and no rule moves that of another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Affinities {
    /// A pointer, because many users have none.
    values: ThinVec<Weighed>,
}

/// A value of a rule: what it weighs, and when it was seen last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighed {
    pub(crate) rule: u32,
    /// Missing for what is no value, but says where the landmark of its rule is: after a half-life changed, until
    /// something is seen.
    pub(crate) value: Packed,
    /// As it would be at the landmark of its rule.
    pub(crate) weight: f64,
    pub(crate) seen: Instant,
    /// Order of arrival of the event by which it was seen last.
    pub(crate) arrival: u32,
}

impl Weighed {
    fn is_mark(&self) -> bool {
        self.value.is_missing()
    }

    fn order(&self) -> (Instant, u32) {
        (self.seen, self.arrival)
    }
}

/// An interaction of a user with a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch {
    pub(crate) rule: u32,
    /// Its share passes to the affinities.
    pub(crate) value: Packed,
    pub(crate) weight: f64,
    /// Its event's instant and order of arrival.
    pub(crate) when: (Instant, u32),
}

impl Affinities {
    pub(crate) fn add(&mut self, touch: Touch, rules: &[AffinityRule], symbols: &mut Symbols) {
        let Touch { rule, value, weight, when: (at, arrival) } = touch;
        let own = &rules[rule as usize];
        let lives = own.lives(at);
        let mut weight = weight * lives.factor();
        if let Some(known) = self.era(rule, own) {
            self.fade(rule, lives.era() - known);
            weight = faded(weight, known - lives.era());
        }
        self.join(Weighed { rule, value, weight, seen: at, arrival }, symbols);
    }

    /// The era of what a rule saw last.
    fn era(&self, number: u32, rule: &AffinityRule) -> Option<i64> {
        let newest = self.of_rule(number).next_back()?.seen;
        Some(rule.lives(newest).era())
    }

    /// Moves the landmark of a rule so many eras on, before something that is as new comes in.
    fn fade(&mut self, rule: u32, eras: i64) {
        if eras <= 0 {
            return;
        }
        self.values.retain_mut(|known| {
            let is_own = known.rule == rule;
            if is_own {
                known.weight = faded(known.weight, eras);
            }
            !(is_own && known.is_mark())
        });
    }

    /// Adds to a value what it weighs as at the landmark of its rule.
    fn join(&mut self, new: Weighed, symbols: &mut Symbols) {
        let is_same = |known: &Weighed| known.rule == new.rule && symbols.same(known.value, new.value);
        let Some(place) = self.values.iter().position(is_same) else { return self.put(new) };
        symbols.release(new.value);
        self.values[place].weight += new.weight;
        if new.order() >= self.values[place].order() {
            let known = self.values.remove(place);
            self.put(Weighed { seen: new.seen, arrival: new.arrival, ..known });
        }
    }

    /// Puts a value in its place, behind those that were seen no later.
    fn put(&mut self, new: Weighed) {
        let later = self.values.iter().rev().take_while(|known| known.order() > new.order()).count();
        self.values.reserve_exact(1);
        self.values.insert(self.values.len() - later, new);
    }

    /// Goes on under other rules; `moves` are by old number. Of a rule whose half-life changed the shares stay, and
    /// weigh beside what comes what they are worth at `now`.
    pub(crate) fn relocate(&mut self, moves: &[Option<RuleMove>], now: Instant, symbols: &mut Symbols) {
        self.values.retain_mut(|known| {
            let Some(RuleMove { to, .. }) = &moves[known.rule as usize] else {
                symbols.release(known.value);
                return false;
            };
            known.rule = *to;
            true
        });
        for RuleMove { to, half_life } in moves.iter().flatten() {
            if let Some((before, after)) = half_life {
                self.change_half_life(*to, (*before, *after), now);
            }
        }
    }

    /// What the values of a rule are worth at `now` they are worth under the other half-life too.
    fn change_half_life(&mut self, rule: u32, (before, after): (Duration, Duration), now: Instant) {
        let Some(newest) = self.of_rule(rule).next_back().map(|known| known.seen) else { return };
        self.values.retain(|known| known.rule != rule || !known.is_mark());
        let age = HalfLives::of(now, before).since(HalfLives::of(newest, before).era());
        let strongest = self.of_rule(rule).map(|known| known.weight).fold(0.0, f64::max);
        let worth = libm::exp2(-age).max((FAINTEST / strongest).min(1.0));
        let now_lives = HalfLives::of(now, after);
        let change = worth * libm::exp2(now_lives.since(now_lives.era()));
        let mut is_new = false;
        for known in self.values.iter_mut().filter(|known| known.rule == rule) {
            known.weight *= change;
            is_new |= HalfLives::of(known.seen, after).era() == now_lives.era();
        }
        if !is_new {
            // Nothing was seen since the landmark that the weights are of.
            self.put(Weighed { rule, value: Packed::MISSING, weight: 0.0, seen: now, arrival: 0 });
        }
    }

    fn of_rule(&self, rule: u32) -> impl DoubleEndedIterator<Item = &Weighed> {
        self.values.iter().filter(move |known| known.rule == rule)
    }

    /// The share of a value in all interactions of a rule, in [0, 1]; 0 where there are none.
    pub(crate) fn share(&self, rule: u32, is_value: impl Fn(Packed) -> bool) -> f64 {
        let all: f64 = self.of_rule(rule).map(|known| known.weight).sum();
        let own = self.of_rule(rule).find(|known| is_value(known.value)).map_or(0.0, |known| known.weight);
        if all > 0.0 { own / all } else { 0.0 }
    }

    /// The value with the largest share; of equals the one seen last.
    pub(crate) fn top(&self, rule: u32) -> Packed {
        // Of equals `max_by` gives the last one.
        let largest = self.of_rule(rule).max_by(|a, b| a.weight.total_cmp(&b.weight));
        largest.filter(|known| known.weight > 0.0).map_or(Packed::MISSING, |known| known.value)
    }

    /// Takes over those of another profile, under the same rules. What comes of it does not depend on which of the two
    /// takes over the other, but for the rounding of sums.
    pub(crate) fn absorb(&mut self, mut other: Affinities, rules: &[AffinityRule], symbols: &mut Symbols) {
        for (rule, number) in rules.iter().zip(0..) {
            if let (Some(own), Some(theirs)) = (self.era(number, rule), other.era(number, rule)) {
                self.fade(number, theirs - own);
                other.fade(number, own - theirs);
            }
        }
        other.values.into_iter().for_each(|theirs| self.join(theirs, symbols));
    }

    /// A copy with shares of its own.
    pub(crate) fn copy(&self, symbols: &mut Symbols) -> Affinities {
        self.values.iter().for_each(|known| {
            symbols.share(known.value);
        });
        Affinities { values: self.values.clone() }
    }

    pub(crate) fn release(self, symbols: &mut Symbols) {
        self.values.into_iter().for_each(|known| symbols.release(known.value));
    }

    /// Everything, in order of when it was seen last.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Weighed> {
        self.values.iter()
    }

    /// Takes over what [`iter`](Affinities::iter) gave; nothing where it is in no order that it could have given.
    pub(crate) fn from_rows(rows: Vec<Weighed>) -> Option<Affinities> {
        let is_sorted = rows.is_sorted_by_key(Weighed::order);
        is_sorted.then(|| Affinities { values: rows.into_iter().collect() })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.values.capacity() * size_of::<Weighed>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;
    use proptest::prelude::*;

    /// Half-lives of an hour and of a day.
    fn rules() -> Vec<AffinityRule> {
        let rule = |property, half_life| AffinityRule {
            property: PropertyId(property),
            half_life,
            weights: None,
            since: None,
        };
        vec![rule(0, Duration::hours(1)), rule(1, Duration::days(1))]
    }

    /// A value of a rule that was met so many minutes after an instant like any other.
    type Met = (u32, &'static str, f64, i64);

    fn minute(minute: i64) -> Instant {
        Instant::from_millis(1_780_272_123_456 + minute * 60_000)
    }

    fn meet(affinities: &mut Affinities, symbols: &mut Symbols, (rule, value, weight, at): Met) {
        let value = symbols.pack(&Value::from(value));
        affinities.add(Touch { rule, value, weight, when: (minute(at), 0) }, &rules(), symbols);
    }

    fn share(affinities: &Affinities, symbols: &Symbols, rule: u32, value: &str) -> f64 {
        affinities.share(rule, |known| symbols.value(known) == value.into())
    }

    fn top(affinities: &Affinities, symbols: &Symbols, rule: u32) -> Value {
        symbols.value(affinities.top(rule))
    }

    #[test]
    fn shares_do_not_change_while_another_rule_goes_on() {
        let (mut affinities, mut symbols) = (Affinities::default(), Symbols::default());
        let of = &mut affinities;
        meet(of, &mut symbols, (0, "Rome", 2.0, 0));
        meet(of, &mut symbols, (0, "Oslo", 2.0, 60));
        for days in [1, 68, 68, 69, 4_000] {
            meet(of, &mut symbols, (1, "books", 1.0, days * 1_440));
            assert_eq!(share(of, &symbols, 0, "Rome"), 1.0 / 3.0);
            assert_eq!(top(of, &symbols, 0), "Oslo".into());
        }
        // Of its own rule, what is new leaves nothing of it.
        meet(of, &mut symbols, (0, "Rome", 1.0, 4_000 * 1_440));
        assert_eq!(share(of, &symbols, 0, "Rome"), 1.0);
        // Late enough to count for nothing.
        meet(of, &mut symbols, (0, "Oslo", 1e6, 0));
        assert_eq!(top(of, &symbols, 0), "Rome".into());
    }

    #[test]
    fn equal_sums_are_equal() {
        let (mut affinities, mut symbols) = (Affinities::default(), Symbols::default());
        // At odd instants whole half-lives apart: each time a purchase that counts as five, and five views.
        for at in [17, 77, 257, 617] {
            meet(&mut affinities, &mut symbols, (0, "Rome", 5.0, at));
            (0..5).for_each(|_| meet(&mut affinities, &mut symbols, (0, "Oslo", 1.0, at)));
            assert_eq!(share(&affinities, &symbols, 0, "Oslo"), 0.5, "{at}");
            assert_eq!(top(&affinities, &symbols, 0), "Oslo".into(), "seen last, {at}");
        }
    }

    #[test]
    fn shares_outlive_any_number_of_half_lives() {
        let (mut affinities, mut symbols) = (Affinities::default(), Symbols::default());
        meet(&mut affinities, &mut symbols, (0, "Rome", 3.0, 0));
        meet(&mut affinities, &mut symbols, (0, "Oslo", 1.0, 0));
        let lives = [1, 60, 1, 100_000, 7, 1, 2].map(Duration::minutes);
        for (year, pair) in (1..).zip(lives.windows(2)) {
            let half_life = Some((pair[0], pair[1]));
            let moves = [Some(RuleMove { to: 0, half_life })];
            affinities.relocate(&moves, minute(year * 525_600), &mut symbols);
            assert!((share(&affinities, &symbols, 0, "Rome") - 0.75).abs() < 1e-9, "{pair:?}");
            assert_eq!(top(&affinities, &symbols, 0), "Rome".into(), "{pair:?}");
        }
        affinities.release(&mut symbols);
        assert!(symbols.is_empty());
    }

    fn met() -> impl Strategy<Value = Met> {
        let at = prop_oneof![0..100_i64, 0..600_000_i64];
        (0..2_u32, prop::sample::select(vec!["Rome", "Oslo", "Nice"]), 1..4_u8, at)
            .prop_map(|(rule, value, weight, at)| (rule, value, f64::from(weight), at))
    }

    proptest! {
        /// Whoever takes over whom, and also if all had been met by one from the start.
        #[test]
        fn merges_are_commutative(
            first in prop::collection::vec(met(), 0..8),
            second in prop::collection::vec(met(), 0..8),
        ) {
            let mut symbols = Symbols::default();
            let mut of = |all: &[Met]| {
                let mut affinities = Affinities::default();
                all.iter().for_each(|met| meet(&mut affinities, &mut symbols, *met));
                affinities
            };
            let (mut one, other) = (of(&first), of(&second));
            let (gone, mut another) = (of(&first), of(&second));
            let whole = of(&[first, second].concat());
            one.absorb(other, &rules(), &mut symbols);
            another.absorb(gone, &rules(), &mut symbols);
            for (rule, value) in [0, 1].iter().flat_map(|rule| ["Rome", "Oslo", "Nice"].map(|v| (*rule, v))) {
                let expected = share(&whole, &symbols, rule, value);
                for merged in [&one, &another] {
                    let found = share(merged, &symbols, rule, value);
                    prop_assert!((found - expected).abs() < 1e-9, "{value}: {found}, expected {expected}");
                }
            }
        }
    }
}
