use crate::recommend::ItemId;
use crate::recommend::reason::text;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// What a stage of re-ranking did to a recommendation. Places begin at 0.
///
/// ```
/// use bespoke::recommend::{Effect, Facts, ItemId, Occasion, Rerank};
/// # use bespoke::{model::Instant, recommend::{Items, Reason, Recommendation}};
/// # let mut items = Items::new();
/// # let (boot, sock) = (items.intern("boot-7")?, items.intern("sock-1")?);
/// # let fits = [(boot, 0.9), (sock, 0.8)];
/// # let fits = fits.map(|(item, score)| Recommendation::new(item, score, Reason::Popular)).into();
/// # let occasion = Occasion { limit: 2, seed: 0, now: Instant::from_millis(0) };
/// # struct Trials;
/// # impl Facts for Trials {
/// #     fn choose(&self, _: &[ItemId], _: u64) -> Option<(usize, f64)> { Some((0, 0.25)) }
/// # }
/// let list = Rerank::params().explore(1, 20).check()?.apply(fits, &Trials, occasion);
/// let chance = list.shown[1].effects().iter().find_map(|effect| match effect {
///     Effect::Tried { probability, .. } => Some(*probability), // to be logged beside what comes of it
///     _ => None,
/// });
/// assert_eq!(chance, Some(0.25));
/// assert_eq!(list.shown[1].effects()[0].to_string(), "tried at 1 (its chance was 0.25)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// It is chosen more often when it is shown than what was before it, or less: `moved from 4 to 1 by what is chosen, most
    /// of all price < 100`
    Learned {
        /// Its place before.
        from: u16,
        /// And after.
        to: u16,
        /// What of it, compared with the others, had it move most: a feature, or its own record; none where only others
        /// moved.
        #[serde(serialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
        most: Option<Arc<str>>,
    },
    /// The chance with which the user succeeds with it was asked for: `you succeed with it 8 times in 10`
    Level {
        /// That chance, from 0 to 1.
        chance: f64,
        /// Whether it is more than a step from the last session, and so comes behind.
        is_jump: bool,
    },
    /// A rule raised its score, or lowered it: `raised by on sale (× 1.5)`
    Weighted {
        /// The rule.
        #[serde(serialize_with = "text")]
        rule: Arc<str>,
        /// What the score was multiplied with.
        factor: f64,
    },
    /// The user was shown it before and did not choose it: `lowered because it was shown 3 times`
    Discounted {
        /// How often.
        impressions: u32,
        /// What the score was multiplied with.
        factor: f64,
    },
    /// It changed places so that the list is not always the same: `moved from 4 to 2 for a change`
    Rotated {
        /// Its place before.
        from: u16,
        /// And after.
        to: u16,
    },
    /// It changed places so that neighbours are not alike: `moved from 4 to 2 for variety`
    Diversified {
        /// Its place before.
        from: u16,
        /// And after.
        to: u16,
    },
    /// A place was kept for it: `pinned to 0`
    Pinned {
        /// The place.
        slot: u16,
    },
    /// A place was kept for what a rule holds for, and it was the best: `put into 3 for new`
    Slotted {
        /// The rule.
        #[serde(serialize_with = "text")]
        rule: Arc<str>,
        /// The place.
        slot: u16,
    },
    /// A place was kept for something to be tried: `tried at 3 (its chance was 0.12)`
    Tried {
        /// The place.
        slot: u16,
        /// How probable it was that this one would be: to be logged, for estimates of what other policies would bring.
        probability: f64,
    },
}

fn optional_text<S: serde::Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Learned { from, to, most } => {
                write!(f, "moved from {from} to {to} by what is chosen")?;
                most.iter().try_for_each(|most| write!(f, ", most of all {most}"))
            }
            Effect::Level { chance, is_jump } => {
                let times = (chance * 10.0).round().clamp(0.0, 10.0);
                write!(f, "you succeed with it {times} times in 10")?;
                if *is_jump { f.write_str(", and it is a jump from the last session") } else { Ok(()) }
            }
            Effect::Weighted { rule, factor } if *factor < 1.0 => write!(f, "lowered by {rule} (× {factor})"),
            Effect::Weighted { rule, factor } => write!(f, "raised by {rule} (× {factor})"),
            Effect::Discounted { impressions: 1, .. } => f.write_str("lowered because it was shown once"),
            Effect::Discounted { impressions, .. } => {
                write!(f, "lowered because it was shown {impressions} times")
            }
            Effect::Rotated { from, to } => write!(f, "moved from {from} to {to} for a change"),
            Effect::Diversified { from, to } => write!(f, "moved from {from} to {to} for variety"),
            Effect::Pinned { slot } => write!(f, "pinned to {slot}"),
            Effect::Tried { slot, probability } => {
                write!(f, "tried at {slot} (its chance was {probability:.2})")
            }
            Effect::Slotted { rule, slot } => write!(f, "put into {slot} for {rule}"),
        }
    }
}

/// An item that is not shown, and why not.
///
/// ```
/// use bespoke::recommend::{Dropped, Occasion, Rerank};
/// # use bespoke::recommend::{Reason, Recommendation};
/// # let (mut items, now) = (bespoke::recommend::Items::new(), bespoke::model::Instant::from_millis(0));
/// # let (boot, sock) = (items.intern("boot-7")?, items.intern("sock-1")?);
/// # let fits = [(boot, 0.9), (sock, 0.6), (boot, 0.5)];
/// # let fits = fits.map(|(item, score)| Recommendation::new(item, score, Reason::Popular)).into();
/// // The boot fits, then the sock, and then the boot again, as another recommender says.
/// let list = Rerank::default().apply(fits, &(), Occasion { limit: 1, seed: 0, now });
/// let line = |dropped: &Dropped| format!("{}: {}", items.name(dropped.item).unwrap_or("?"), dropped.because);
/// let lines: Vec<String> = list.dropped.iter().map(line).collect();
/// assert_eq!(lines, ["boot-7: it is there already", "sock-1: others fit better"]); // in the order of stages
/// assert_eq!(list.shown[0].item, boot); // so being dropped once does not mean that it is not shown
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Dropped {
    /// Which item.
    pub item: ItemId,
    /// Why it is not shown.
    pub because: Because,
}

/// The stage that an item was dropped by.
///
/// ```
/// use bespoke::recommend::{Because, Facts, ItemId, Occasion, Rerank};
/// # use bespoke::{model::Instant, recommend::{Items, Reason, Recommendation}};
/// # let mut items = Items::new();
/// # let (boot, shoe, sock) = (items.intern("boot-7")?, items.intern("shoe-2")?, items.intern("sock-1")?);
/// # let fits = [boot, shoe, sock].map(|item| Recommendation::new(item, 0.5, Reason::Popular)).into();
/// # let occasion = Occasion { limit: 10, seed: 0, now: Instant::from_millis(0) };
/// # struct Acme;
/// # impl Facts for Acme {
/// #     fn attribute(&self, _: ItemId, _: &str, each: &mut dyn FnMut(&str)) { each("acme") }
/// # }
/// let list = Rerank::params().cap("brand", 2).check()?.apply(fits, &Acme, occasion); // all three are of one brand
/// let advice = match list.why_not(sock) {
///     Some(Because::Outranked) => "give the list more places",
///     Some(Because::Capped { .. }) => "allow for more of a brand",
///     _ => "",
/// };
/// assert_eq!(advice, "allow for more of a brand");
/// assert_eq!(list.dropped[0].because.to_string(), "there are enough with brand acme");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Because {
    /// A rule that must hold does not: `in stock does not hold`
    NotEligible {
        /// The rule.
        #[serde(serialize_with = "text")]
        rule: Arc<str>,
    },
    /// It is on a list of what is not shown: `it is among bought`
    Excluded {
        /// The list.
        #[serde(serialize_with = "text")]
        list: Arc<str>,
    },
    /// There are enough of its kind: `there are enough with brand acme`
    Capped {
        /// The attribute.
        #[serde(serialize_with = "text")]
        attribute: Arc<str>,
        /// Its value.
        value: Box<str>,
    },
    /// It was recommended twice, and the better one counts: `it is there already`
    Repeated,
    /// Others are better: `others fit better`
    Outranked,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Because::NotEligible { rule } => write!(f, "{rule} does not hold"),
            Because::Excluded { list } => write!(f, "it is among {list}"),
            Because::Capped { attribute, value } => write!(f, "there are enough with {attribute} {value}"),
            Because::Repeated => f.write_str("it is there already"),
            Because::Outranked => f.write_str("others fit better"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_in_words_and_as_data() {
        for (effect, words, json) in [
            (
                Effect::Weighted { rule: "on sale".into(), factor: 1.5 },
                "raised by on sale (× 1.5)",
                r#"{"weighted":{"rule":"on sale","factor":1.5}}"#,
            ),
            (
                Effect::Weighted { rule: "old".into(), factor: 0.5 },
                "lowered by old (× 0.5)",
                r#"{"weighted":{"rule":"old","factor":0.5}}"#,
            ),
            (
                Effect::Discounted { impressions: 3, factor: 0.729 },
                "lowered because it was shown 3 times",
                r#"{"discounted":{"impressions":3,"factor":0.729}}"#,
            ),
            (
                Effect::Learned { from: 4, to: 2, most: Some("price < 100".into()) },
                "moved from 4 to 2 by what is chosen, most of all price < 100",
                r#"{"learned":{"from":4,"to":2,"most":"price < 100"}}"#,
            ),
            (
                Effect::Learned { from: 2, to: 3, most: None },
                "moved from 2 to 3 by what is chosen",
                r#"{"learned":{"from":2,"to":3}}"#,
            ),
            (
                Effect::Level { chance: 0.79, is_jump: false },
                "you succeed with it 8 times in 10",
                r#"{"level":{"chance":0.79,"is_jump":false}}"#,
            ),
            (
                Effect::Level { chance: 0.31, is_jump: true },
                "you succeed with it 3 times in 10, and it is a jump from the last session",
                r#"{"level":{"chance":0.31,"is_jump":true}}"#,
            ),
            (
                Effect::Rotated { from: 4, to: 2 },
                "moved from 4 to 2 for a change",
                r#"{"rotated":{"from":4,"to":2}}"#,
            ),
            (
                Effect::Slotted { rule: "new".into(), slot: 3 },
                "put into 3 for new",
                r#"{"slotted":{"rule":"new","slot":3}}"#,
            ),
            (
                Effect::Tried { slot: 3, probability: 0.125 },
                "tried at 3 (its chance was 0.12)",
                r#"{"tried":{"slot":3,"probability":0.125}}"#,
            ),
        ] {
            assert_eq!(effect.to_string(), words);
            assert_eq!(serde_json::to_string(&effect).unwrap(), json);
        }
        let because = Because::Capped { attribute: "brand".into(), value: "acme".into() };
        assert_eq!(because.to_string(), "there are enough with brand acme");
    }
}
