//! A second hop: what stands beside the best of few candidates.

use crate::recommend::knn::SessionKnn;
use crate::recommend::knn::candidates::Candidates;
use crate::recommend::knn::session::Session;
use smallvec::SmallVec;

/// Fewer candidates than so many are looked beyond: more are enough, and take long enough.
pub(super) const FEW: usize = 100;
/// Of so many of the best.
const SEEDS: usize = 12;
/// In so many of the newest sessions of each.
const SESSIONS: usize = 20;
/// Added to what stands beside a seed: little says little.
pub(super) const DOUBT: f64 = 5.0;

/// Lists that a second hop fills, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    sessions: Vec<Session>,
    /// What stands beside one seed: place and value.
    row: Vec<(u32, f64)>,
    /// By place.
    values: Vec<f64>,
}

impl SessionKnn {
    /// Adds to candidates, of which the first `query` are those of the query, what stands beside the best of the others and is
    /// not of the query: `hop` times as much for the best of it as the best of them has. Sessions of `own` say nothing.
    pub(super) fn look_beyond(
        &self,
        (query, with_newest): (usize, bool),
        own: &[u32],
        candidates: &mut Candidates,
        beyond: &mut Beyond,
    ) {
        let Beyond { sessions, row, values } = beyond;
        let list = candidates.list();
        let best = list
            .iter()
            .skip(usize::from(!with_newest))
            .fold(0.0, |best: f64, candidate| best.max(candidate.score));
        let mut seeds: SmallVec<[u32; 128]> =
            (query as u32..list.len() as u32).filter(|seed| list[*seed as usize].score > 0.0).collect();
        seeds.sort_unstable_by(|a, b| {
            let (a, b) = (&list[*a as usize], &list[*b as usize]);
            b.score.total_cmp(&a.score).then(a.item.cmp(&b.item))
        });
        seeds.truncate(SEEDS);
        // They lie far apart in memory: copied first, they are waited for all at once.
        sessions.clear();
        let mut ends: SmallVec<[usize; SEEDS]> = SmallVec::new();
        for seed in &seeds {
            let newest = self.index.ring(list[*seed as usize].item).iter().rev();
            let others = newest.filter(|number| !own.contains(number)).take(SESSIONS);
            sessions.extend(others.map(|number| *self.arena.get(*number)));
            ends.push(sessions.len());
        }
        let more = sessions.iter().map(|session| session.visits().len()).sum();
        values.clear();
        values.resize(list.len() + more, 0.0);
        candidates.make_room(more);
        let mut first = 0;
        for (seed, end) in seeds.iter().zip(ends) {
            let seed = candidates.list()[*seed as usize];
            row.clear();
            for session in &sessions[first..end] {
                let visits = session.visits();
                let prior = self.tables.lengths[visits.len()];
                for place in (0..visits.len()).filter(|place| visits[*place].item() == seed.item) {
                    for (visit, near) in visits.iter().zip(self.tables.nearness.to(place)) {
                        if visit.item() != seed.item {
                            row.push((candidates.place(visit.item()), prior * near));
                        }
                    }
                }
            }
            first = end;
            let all: f64 = row.iter().map(|(_, value)| value).sum();
            let list = candidates.list();
            for (place, value) in &*row {
                if *place as usize >= query {
                    let value = seed.score * value / (all + DOUBT);
                    values[*place as usize] += value;
                    list[*place as usize].note_beyond(value, seed.because);
                }
            }
        }
        let list = candidates.list();
        for (candidate, value) in list.iter().zip(&mut *values) {
            if *value > 0.0 {
                *value *= self.tables.rare(self.index.sessions_with(candidate.item));
            }
        }
        let most = values.iter().fold(0.0, |most: f64, value| most.max(*value));
        if most > 0.0 {
            let worth = self.params.hop * best / most;
            list.iter_mut().zip(values).for_each(|(candidate, value)| candidate.score += *value * worth);
        }
    }
}
