//! Journeys of earlier definitions, as a store keeps them and an input names them.

use crate::definitions::{Compiled, Definitions, Pinned};
use crate::engine::take::parse;
use crate::engine::{Error, Partition};
use crate::journey::Census;
use crate::model::{Bytes, Instant, Malformed, Record};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The texts of earlier definitions, and the journeys of each that users go on in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Versions {
    texts: Vec<Box<str>>,
    /// In the order in which they were compiled: the number of a text, and the name of the journey.
    journeys: Vec<(u32, Box<str>)>,
}

/// Definitions that take the place of others, and where they are told what to keep of earlier ones, that.
#[derive(Debug, Clone)]
pub(super) struct Redefinition {
    pub(super) definitions: Definitions,
    pub(super) pinned: Option<Vec<Pinned>>,
}

/// Stores that were written before there was such a thing end where it begins.
impl Record for Versions {
    fn write(&self, out: &mut Vec<u8>) {
        self.texts.write(out);
        self.journeys.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Versions, Malformed> {
        if from.left() == 0 {
            return Ok(Versions::default());
        }
        Versions::read_whole(from)
    }
}

impl Versions {
    /// Reads them where they are there in any case.
    pub(super) fn read_whole(from: &mut Bytes<'_>) -> Result<Versions, Malformed> {
        Ok(Versions { texts: from.read()?, journeys: from.read()? })
    }

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

    /// The journeys, read from their texts; nothing where one is not there.
    ///
    /// # Errors
    /// A text that is none of definitions.
    pub(super) fn read_back(&self) -> Result<Option<Vec<Pinned>>, Error> {
        let texts = self.texts.iter().map(|text| parse(None, text));
        let texts = texts.collect::<Result<Vec<Definitions>, Error>>()?;
        let pinned = |(text, name): &(u32, Box<str>)| Pinned::of(texts.get(*text as usize)?, name);
        Ok(self.journeys.iter().map(pinned).collect())
    }

    /// Compiles definitions together with these journeys; nothing where that is not possible.
    ///
    /// # Errors
    /// A text that is none of definitions.
    pub(super) fn compile(&self, definitions: &Definitions) -> Result<Option<Arc<Compiled>>, Error> {
        let Some(pinned) = self.read_back()? else { return Ok(None) };
        let compiled = definitions.with_pinned(pinned);
        Ok((compiled.pinned.len() == self.journeys.len()).then_some(compiled))
    }
}

impl Partition {
    /// The versions of journeys that somebody goes on in of those who were counted, by name.
    pub(super) fn versions_used(&self, census: &Census, now: Instant) -> BTreeSet<(Arc<str>, u64)> {
        let numbers = self.journeys.used(census, now);
        let journeys = &self.compiled.journeys.journeys;
        let known = numbers.into_iter().filter_map(|number| journeys.get(usize::from(number)));
        known.map(|journey| (journey.name.clone(), journey.version)).collect()
    }

    /// What several partitions keep under other definitions: each version that somebody in any of them may go on in. Of
    /// those that users enter now nobody knows who will have until then.
    pub(super) fn versions_kept(
        &self,
        definitions: &Definitions,
        used: &BTreeSet<(Arc<str>, u64)>,
    ) -> Vec<(Arc<str>, u64, Pinned)> {
        let numbers = self.journeys.other_versions(&definitions.compiled().journeys).into_iter();
        let kept = numbers.filter_map(|number| {
            let journey = &self.compiled.journeys.journeys[usize::from(number)];
            let version = (journey.name.clone(), journey.version);
            let is_kept = journey.current == number || used.contains(&version);
            is_kept
                .then(|| self.compiled.pinned(number))
                .flatten()
                .map(|pinned| (version.0, version.1, pinned))
        });
        kept.collect()
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
