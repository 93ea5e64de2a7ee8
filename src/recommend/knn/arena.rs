use crate::model::{Bytes, Malformed, Mark, Pieces, Record};
use crate::recommend::knn::session::Session;
use std::sync::Arc;

/// Sessions that are copied together when one of them is written while a copy of the arena is held.
const CHUNK_LEN: usize = 512;

/// The newest sessions, at most so many, in order of their numbers.
///
/// A session's number tells its place: the place is the low bits of it. Numbers go on from `u32::MAX` to 0, so only how
/// far one lies behind the newest, its age, tells anything.
///
/// Copying is cheap: the copies share the chunks, and whoever writes a chunk that is shared copies it first.
#[derive(Clone, Debug)]
pub(super) struct Arena {
    chunks: Vec<Arc<[Session]>>,
    /// Tells of each chunk whether it has changed.
    marks: Vec<Mark>,
    /// A power of two.
    capacity: usize,
    len: usize,
    /// Number of the next session.
    next: u32,
}

impl Arena {
    /// Room for so many sessions, a power of two.
    pub(super) fn new(capacity: usize) -> Arena {
        debug_assert!(capacity.is_power_of_two());
        Arena { chunks: Vec::new(), marks: Vec::new(), capacity, len: 0, next: 0 }
    }

    /// Which number the next session gets.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// How many sessions lie between this one and the newest, the newest counted.
    pub(super) fn age(&self, number: u32) -> u32 {
        self.next.wrapping_sub(1).wrapping_sub(number)
    }

    pub(super) fn is_kept(&self, number: u32) -> bool {
        (self.age(number) as usize) < self.len
    }

    /// Which place a number has in lists beside the arena.
    pub(super) fn place(&self, number: u32) -> usize {
        number as usize & (self.capacity - 1)
    }

    /// The session that is overwritten by the next one.
    pub(super) fn outgoing(&self) -> Option<u32> {
        (self.len == self.capacity).then(|| self.next.wrapping_sub(self.len as u32))
    }

    /// A session that is kept.
    pub(super) fn get(&self, number: u32) -> &Session {
        let place = self.place(number);
        &self.chunks[place / CHUNK_LEN][place % CHUNK_LEN]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Session {
        let place = self.place(number);
        self.marks[place / CHUNK_LEN].change();
        &mut Arc::make_mut(&mut self.chunks[place / CHUNK_LEN])[place % CHUNK_LEN]
    }

    /// Adds a session, in place of the oldest where there is no more room.
    pub(super) fn push(&mut self, session: Session) {
        let number = self.next;
        let place = self.place(number);
        if place / CHUNK_LEN == self.chunks.len() {
            self.chunks.push(vec![Session::EMPTY; CHUNK_LEN.min(self.capacity)].into());
            self.marks.push(Mark::default());
        }
        self.next = number.wrapping_add(1);
        self.len = (self.len + 1).min(self.capacity);
        *self.get_mut(number) = session;
    }

    /// Numbers from the oldest to the newest.
    pub(super) fn numbers(&self) -> impl DoubleEndedIterator<Item = u32> + use<> {
        let (next, len) = (self.next, self.len as u32);
        (0..len).map(move |place| next.wrapping_sub(len).wrapping_add(place))
    }

    pub(super) fn bytes(&self) -> usize {
        let sessions: usize = self.chunks.iter().map(|chunk| chunk.len()).sum();
        sessions * size_of::<Session>() + self.chunks.capacity() * size_of::<Arc<[Session]>>()
    }

    /// What is to be written of it: a piece for the sessions of each chunk, but for the one that the oldest is in, which
    /// may be in two.
    pub(super) fn write_later(self, pieces: &mut Pieces) {
        pieces.push_now(|out| (self.next, self.len).write(out));
        let arena = Arc::new(self);
        let (mut first, end) = (arena.next.wrapping_sub(arena.len as u32), arena.next);
        while first != end {
            let (number, at) = (arena.place(first) / CHUNK_LEN, arena.place(first) % CHUNK_LEN);
            let chunk = &arena.chunks[number];
            let count = end.wrapping_sub(first).min((chunk.len() - at) as u32);
            let of = arena.marks[number].unchanged();
            let is_whole = count as usize == chunk.len();
            let arena = Arc::clone(&arena);
            let write = move |out: &mut Vec<u8>| {
                (0..count).for_each(|place| arena.get(first.wrapping_add(place)).write(out));
            };
            if is_whole {
                pieces.push_of(of, write)
            } else {
                pieces.push(write)
            }
            first = first.wrapping_add(count);
        }
    }

    /// Reads what was written, with room for so many sessions.
    pub(super) fn read(from: &mut Bytes<'_>, capacity: usize) -> Result<Arena, Malformed> {
        let next: u32 = from.read()?;
        let len = from.len("sessions")?;
        // As long as there is room numbers count from 0, and places with them.
        if len > capacity || len < capacity && next as usize != len {
            return Err(from.malformed("sessions"));
        }
        let mut arena = Arena::new(capacity);
        if len == capacity {
            let chunk = || vec![Session::EMPTY; CHUNK_LEN.min(capacity)].into();
            arena.chunks = (0..capacity.div_ceil(CHUNK_LEN)).map(|_| chunk()).collect();
            arena.marks = vec![Mark::default(); arena.chunks.len()];
        }
        arena.next = next.wrapping_sub(len as u32);
        for _ in 0..len {
            arena.push(from.read()?);
        }
        Ok(arena)
    }
}
