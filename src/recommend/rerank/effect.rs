use crate::recommend::ItemId;
use crate::recommend::reason::text;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// What a stage of re-ranking did to a recommendation. Places begin at 0.
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
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Dropped {
    /// Which item.
    pub item: ItemId,
    /// Why it is not shown.
    pub because: Because,
}

/// The stage that an item was dropped by.
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
