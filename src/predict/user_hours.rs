use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::predict::LocalHour;
use crate::predict::curve::{ByHour, COUNT_MIN, Decay, Kind, Observed, awake, read_day};
use crate::predict::local_hour::HOURS;
use serde::Serialize;
use thin_vec::ThinVec;

/// A session that begins so soon behind a message was its doing, and says nothing of when the user is there otherwise.
const REACTION: Duration = Duration::hours(1);

/// What one user did by local hour, of late. 32 bytes, and five for each hour and kind in which something happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UserHours {
    /// The day that counts are worth what they say.
    day: i32,
    /// The day since which the user is seen.
    since: i32,
    /// When a message reached the user last.
    exposed: Instant,
    /// In which curves the user is counted, a bit for each.
    pub(super) counted: u16,
    /// By code, each once.
    #[serde(serialize_with = "as_list")]
    cells: ThinVec<Cell>,
}

fn as_list<S: serde::Serializer>(cells: &ThinVec<Cell>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(cells)
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Cell {
    /// Hour and kind.
    code: u8,
    /// A count, as the bytes of a float, so that a cell takes five of them.
    count: [u8; 4],
}

impl Cell {
    fn code(kind: Kind, hour: LocalHour) -> u8 {
        kind as u8 * HOURS as u8 + hour.index() as u8
    }

    fn count(self) -> f32 {
        f32::from_le_bytes(self.count)
    }
}

impl UserHours {
    pub(super) fn new(day: i32) -> UserHours {
        UserHours { day, since: day, exposed: Instant::MIN, counted: 0, cells: ThinVec::new() }
    }

    /// Whether a session at an instant may be the doing of a message.
    pub(super) fn is_reaction(&self, at: Instant) -> bool {
        self.exposed <= at && at < self.exposed + REACTION
    }

    pub(super) fn note_exposure(&mut self, at: Instant) {
        self.exposed = self.exposed.max(at);
    }

    /// Counts an event. Gives how many more days the user is seen by it, as they count at the last of them. O(what is
    /// counted).
    pub(super) fn add(&mut self, kind: Kind, hour: LocalHour, day: i32, decay: Decay) -> f64 {
        let days_before = self.days(decay) * decay.over((day - self.day).max(0));
        self.come_to(day, decay);
        self.since = self.since.min(day);
        self.count(Cell::code(kind, hour), decay.over(self.day - day));
        self.days(decay) - days_before
    }

    /// How many days the user is seen, as they count at the last of them.
    pub(super) fn days(&self, decay: Decay) -> f64 {
        if self.cells.is_empty() { 0.0 } else { decay.days(self.since, self.day) }
    }

    /// What is counted of a kind.
    fn counts(&self, kind: Kind) -> ByHour {
        let mut counts = [0.0; HOURS];
        let first = kind as u8 * HOURS as u8;
        for cell in &self.cells {
            if let Some(count) =
                cell.code.checked_sub(first).and_then(|hour| counts.get_mut(usize::from(hour)))
            {
                *count = f64::from(cell.count());
            }
        }
        counts
    }

    /// What is known on a day, which may be later than the last that something happened.
    pub(super) fn observed(&self, day: i32, decay: Decay) -> Observed {
        let factor = decay.over(day.saturating_sub(self.day).max(0));
        let exposed = self.counts(Kind::Exposed);
        let scaled = |counts: ByHour| counts.map(|count| count * factor);
        let happened = [Kind::Session, Kind::Clicked, Kind::Opened].map(|kind| scaled(self.counts(kind)));
        Observed { happened, possible: [awake(decay.days(self.since, self.day), &exposed), exposed, exposed] }
    }

    /// Takes over what is known of the same user under another name. Gives in which curves the user is counted twice.
    pub(super) fn absorb(&mut self, other: &UserHours, decay: Decay) -> u16 {
        let day = self.day.max(other.day);
        self.come_to(day, decay);
        let worth = decay.over(day - other.day);
        for cell in &other.cells {
            self.count(cell.code, f64::from(cell.count()) * worth);
        }
        self.since = self.since.min(other.since);
        self.exposed = self.exposed.max(other.exposed);
        let twice = self.counted & other.counted;
        self.counted |= other.counted;
        twice
    }

    /// Lets what is counted be worth what it is on a later day.
    fn come_to(&mut self, day: i32, decay: Decay) {
        if day > self.day {
            let factor = decay.over(day - self.day) as f32;
            self.cells.iter_mut().for_each(|cell| cell.count = (cell.count() * factor).to_le_bytes());
            self.cells.retain(|cell| f64::from(cell.count()) >= COUNT_MIN);
            self.day = day;
        }
    }

    fn count(&mut self, code: u8, weight: f64) {
        match self.cells.binary_search_by_key(&code, |cell| cell.code) {
            Ok(place) => {
                let cell = &mut self.cells[place];
                cell.count = (cell.count() + weight as f32).to_le_bytes();
            }
            Err(_) if weight < COUNT_MIN => {}
            Err(place) => self.cells.insert(place, Cell { code, count: (weight as f32).to_le_bytes() }),
        }
    }

    /// Everything that is counted, with the day that it is worth so much.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Kind, LocalHour, f64)> + '_ {
        let named = |cell: &Cell| {
            let kind = Kind::ALL[usize::from(cell.code) / HOURS];
            let hour = LocalHour::all().nth(usize::from(cell.code) % HOURS)?;
            Some((kind, hour, f64::from(cell.count())))
        };
        self.cells.iter().filter_map(named)
    }

    pub(super) fn day(&self) -> i32 {
        self.day
    }

    pub(super) fn heap_bytes(&self) -> usize {
        if self.cells.capacity() == 0 { 0 } else { 16 + self.cells.capacity() * size_of::<Cell>() }
    }
}

impl Record for UserHours {
    fn write(&self, out: &mut Vec<u8>) {
        let UserHours { day, since, exposed, counted, cells } = self;
        (i64::from(*day), i64::from(*since), *exposed, *counted).write(out);
        cells.len().write(out);
        for cell in cells {
            out.push(cell.code);
            out.extend_from_slice(&cell.count);
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<UserHours, Malformed> {
        let day = read_day(from)?;
        let since = read_day(from)?;
        let (exposed, counted) = from.read()?;
        let mut cells: ThinVec<Cell> = ThinVec::new();
        for _ in 0..from.len("what a user did by hour")? {
            let before = from.clone();
            let cell = Cell { code: from.read()?, count: from.array("a count of an hour")? };
            let is_next = cells.last().is_none_or(|last| last.code < cell.code);
            let is_kind = usize::from(cell.code) < Kind::ALL.len() * HOURS;
            if !(is_next && is_kind && cell.count().is_finite() && cell.count() > 0.0) {
                return Err(before.malformed("what a user did by hour"));
            }
            cells.push(cell);
        }
        if since > day {
            return Err(from.malformed("what a user did by hour"));
        }
        Ok(UserHours { day, since, exposed, counted, cells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_takes_little_room() {
        assert!(size_of::<UserHours>() <= 32 && size_of::<Cell>() == 5);
    }

    #[test]
    fn what_fades_is_dropped_and_what_is_late_counts_less() {
        let decay = Decay { halvings: 1.0 };
        let hour = |hour| LocalHour::new(hour, false).unwrap();
        let mut user = UserHours::new(10);
        user.add(Kind::Session, hour(9), 10, decay);
        user.add(Kind::Opened, hour(23), 10, decay);
        user.add(Kind::Opened, hour(23), 12, decay);
        user.add(Kind::Opened, hour(23), 11, decay);
        let counts: Vec<_> = user.cells().map(|(kind, hour, count)| (kind, hour.hour(), count)).collect();
        assert_eq!(counts, [(Kind::Session, 9, 0.25), (Kind::Opened, 23, 1.75)]);
        user.add(Kind::Clicked, hour(1), 17, decay);
        let left: Vec<_> = user.cells().map(|(kind, ..)| kind).collect();
        assert_eq!(left, [Kind::Clicked, Kind::Opened]);
    }

    #[test]
    fn hours_behind_a_message_are_not_hours_without_sessions() {
        let decay = Decay { halvings: 1e-9 };
        let hour = LocalHour::new(9, false).unwrap();
        let mut user = UserHours::new(0);
        for day in 0..7 {
            user.add(Kind::Exposed, hour, day, decay);
        }
        let awake = user.observed(6, decay).possible[0];
        assert_eq!(awake[9], 0.0);
        assert!((awake[10] - 5.0).abs() < 1e-6 && (awake[33] - 2.0).abs() < 1e-6, "{awake:?}");
    }

    #[test]
    fn records_are_read_as_they_were_written_and_nothing_else_is() {
        let decay = Decay { halvings: 0.1 };
        let mut user = UserHours::new(5);
        user.add(Kind::Session, LocalHour::new(9, true).unwrap(), 7, decay);
        user.add(Kind::Opened, LocalHour::new(3, false).unwrap(), 9, decay);
        user.note_exposure(Instant::from_millis(77));
        let mut bytes = Vec::new();
        user.write(&mut bytes);
        let mut from = Bytes::new(&bytes);
        let read = UserHours::read(&mut from).unwrap();
        assert_eq!(format!("{read:?}"), format!("{user:?}"));
        assert_eq!(from.left(), 0);
        for end in 0..bytes.len() {
            assert!(UserHours::read(&mut Bytes::new(&bytes[..end])).is_err());
        }
    }
}
