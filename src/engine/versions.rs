//! Journeys of earlier definitions, as a store keeps them.

use crate::definitions::{Compiled, Definitions, Pinned};
use crate::engine::Error;
use crate::engine::take::parse;
use crate::model::record;
use std::sync::Arc;

/// The texts of earlier definitions, and the journeys of each that users go on in.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions {
    texts: Vec<Box<str>>,
    /// In the order in which they were compiled: the number of a text, and the name of the journey.
    journeys: Vec<(u32, Box<str>)>,
}

record! { Versions { texts, journeys } }

impl Versions {
    pub(super) fn of(pinned: &[Pinned]) -> Versions {
        let mut versions = Versions::default();
        for Pinned { journey, origin } in pinned {
            let known = versions.texts.iter().position(|text| **text == *origin.text);
            let text = known.unwrap_or(versions.texts.len());
            if known.is_none() {
                versions.texts.push((&*origin.text).into());
            }
            versions.journeys.push((text as u32, journey.name.clone()));
        }
        versions
    }

    /// Compiles definitions together with these journeys; nothing where that is not possible.
    ///
    /// # Errors
    /// A text that is none of definitions.
    pub(super) fn compile(&self, definitions: &Definitions) -> Result<Option<Arc<Compiled>>, Error> {
        let texts = self.texts.iter().map(|text| parse(None, text));
        let texts = texts.collect::<Result<Vec<Definitions>, Error>>()?;
        let pinned = |(text, name): &(u32, Box<str>)| Pinned::of(texts.get(*text as usize)?, name);
        let Some(pinned) = self.journeys.iter().map(pinned).collect::<Option<Vec<Pinned>>>() else {
            return Ok(None);
        };
        let compiled = definitions.with_pinned(pinned);
        Ok((compiled.pinned.len() == self.journeys.len()).then_some(compiled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Partition;
    use crate::journey::Delivery;
    use crate::model::{Duration, Instant, Message};

    /// A version is kept as long as somebody stands in it or a message of it is remembered, and no longer.
    #[test]
    fn versions_go_with_who_was_in_them() {
        let version = |wait: &str| {
            let text = format!(
                "version = 1\n[events.go]\n[templates.t]\na = 'x'\n[journeys.j]\nenter = {{ event = 'go' }}\n\
                 step = [{{ id = 'a', wait = '{wait}' }}, {{ id = 'b', send = {{ channel = 'push', template = 't' }} }}]"
            );
            Definitions::from_toml(&text).unwrap()
        };
        let now = |hours: i64| Instant::from_millis(0) + Duration::hours(hours);
        let [first, second, third] = ["3h", "2h", "1h"].map(version);
        let mut partition = Partition::new(&first);
        let texts = |partition: &Partition| Versions::of(&partition.compiled.pinned).texts.len();

        partition.redefine(&second, now(0));
        assert_eq!(texts(&partition), 0, "nobody was in it");
        partition.ingest(&Message::track("ada", "go"), now(0)).unwrap();
        partition.redefine(&third, now(1));
        partition.redefine(&first, now(1));
        assert_eq!(texts(&partition), 1, "only that of the second");
        partition.advance(now(2));
        let action = partition.outbox(1, Duration::hours(1), now(2)).remove(0);
        partition.acknowledge(&action.id, Delivery::Sent, now(2));
        for (at, expected) in [(3, 1), (2 + 7 * 24, 1), (3 + 7 * 24, 0)] {
            partition.redefine(&first, now(at));
            assert_eq!(texts(&partition), expected, "{at} hours");
        }
    }
}
