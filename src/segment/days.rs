/// Days, each once, of instants that are in order, from either end.
#[derive(Debug, Default)]
pub(crate) struct Days {
    /// The last two: where clocks go back over midnight, a day comes once more behind the next one.
    last: [Option<i32>; 2],
    count: usize,
}

impl Days {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether a day is a new one.
    pub(crate) fn is_new(&mut self, day: i32) -> bool {
        let is_new = !self.last.contains(&Some(day));
        if is_new {
            self.last = [Some(day), self.last[0]];
            self.count += 1;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duration, Instant, Zone};

    #[test]
    fn a_day_that_comes_once_more_is_no_new_one() {
        // At 00:01 of the seventh it was 23:01 of the sixth.
        let zone = Zone::named("America/St_Johns").unwrap();
        let midnight: Instant = "2010-11-07T00:00:00-02:30".parse().unwrap();
        let minutes = [-3_000, -70, -1, 0, 5, 50, 65, 3_000];
        let days = minutes.map(|minute| zone.civil(midnight + Duration::minutes(minute)).day);
        assert!(!days.is_sorted());
        let (mut forwards, mut backwards) = (Days::default(), Days::default());
        let new = days.iter().filter(|day| forwards.is_new(**day)).count();
        assert_eq!((new, forwards.len()), (4, 4));
        assert_eq!(days.iter().rev().filter(|day| backwards.is_new(**day)).count(), 4);
    }
}
