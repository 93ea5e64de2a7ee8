use crate::model::Unchanged;
use std::collections::VecDeque;
use std::fmt;

type Write = Box<dyn FnOnce(&mut Vec<u8>) + Send + Sync>;

struct Piece {
    write: Write,
    /// Of what is as it was as long as this is kept.
    of: Option<Unchanged>,
}

/// State as it was when this was made, to be written as bytes piece by piece while it goes on to change.
///
/// Whoever makes it shares with it what is large, in lists whose copies are cheap ([`Shared`](crate::model::Shared)), so
/// that it is made in microseconds; each piece takes some more.
#[derive(Default)]
pub(crate) struct Pieces(VecDeque<Piece>);

impl Pieces {
    /// Writes at once what is added by `add`.
    pub(crate) fn all(add: impl FnOnce(&mut Pieces), out: &mut Vec<u8>) {
        let mut pieces = Pieces::default();
        add(&mut pieces);
        pieces.write_some(usize::MAX, out);
    }

    /// Adds what is written behind all others.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) + Send + Sync + 'static) {
        self.0.push_back(Piece { write: Box::new(write), of: None });
    }

    /// Adds what writes the same bytes whenever it is of the same: whoever has them need not have them written again.
    pub(crate) fn push_of(
        &mut self,
        of: Unchanged,
        write: impl FnOnce(&mut Vec<u8>) + Send + Sync + 'static,
    ) {
        self.0.push_back(Piece { write: Box::new(write), of: Some(of) });
    }

    /// Adds what is small, as it is now.
    pub(crate) fn push_now(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.push(move |out| out.extend_from_slice(&bytes));
    }

    /// How many are left.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes pieces until `out` has about so many bytes.
    pub(crate) fn write_some(&mut self, bytes: usize, out: &mut Vec<u8>) {
        while out.len() < bytes && self.write_next(out) {}
    }

    /// Writes the next piece, if there is one.
    pub(crate) fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        self.0.pop_front().map(|piece| (piece.write)(out)).is_some()
    }

    /// Of what the next piece is, if that can tell whether it is as it was.
    pub(crate) fn next_of(&self) -> Option<&Unchanged> {
        self.0.front()?.of.as_ref()
    }

    /// Leaves out the next piece, if there is one.
    pub(crate) fn skip_next(&mut self) -> bool {
        self.0.pop_front().is_some()
    }

    /// The same, all of which has to be written.
    pub(crate) fn anew(mut self) -> Pieces {
        self.0.iter_mut().for_each(|piece| piece.of = None);
        self
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pieces").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_written_in_order_and_as_they_were() {
        let mut list = vec![1];
        let mut pieces = Pieces::default();
        pieces.push_now(|out| out.extend_from_slice(&list));
        list.push(2);
        let then = list.clone();
        pieces.push(move |out| out.extend(then));
        list.push(3);
        pieces.push_now(|out| out.extend_from_slice(&list));

        let mut out = Vec::new();
        for (bytes, left, written) in [(1, 2, &[1][..]), (2, 1, &[1, 1, 2]), (7, 0, &[1, 1, 2, 1, 2, 3])] {
            pieces.write_some(bytes, &mut out);
            assert_eq!((&out[..], pieces.len()), (written, left));
        }
    }
}
