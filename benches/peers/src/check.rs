//! Whether the peers agree, before anything is timed.

use crate::Person;

/// A person made ready to be asked about by one peer, with the segments that it has compiled.
pub trait Ready {
    /// Finds the segments that hold, and how many they are. This is what is timed.
    fn search(&mut self) -> usize;

    /// The numbers of those that were found, in order.
    fn found(&self) -> Vec<u32>;
}

/// A person made ready for each peer, with the peer's name; the first peer is the one whose answers the others must
/// give.
pub type Peers<'a> = Vec<(&'static str, Box<dyn Ready + 'a>)>;

/// Asks all peers about a person.
///
/// # Panics
/// Where two answers differ, with the difference.
pub fn same_matches(person: &Person, peers: &mut Peers<'_>) {
    let mut answers = peers.iter_mut().map(|(name, ready)| {
        ready.search();
        (*name, ready.found())
    });
    let Some((first, expected)) = answers.next() else { return };
    for (name, found) in answers {
        let only = |these: &[u32], those: &[u32]| -> Vec<u32> {
            these.iter().filter(|number| those.binary_search(number).is_err()).copied().collect()
        };
        assert!(
            found == expected,
            "{name} finds {} segments and {first} {} for {person:?}: only {name} {:?}, only {first} {:?}",
            found.len(),
            expected.len(),
            only(&found, &expected),
            only(&expected, &found),
        );
    }
}
