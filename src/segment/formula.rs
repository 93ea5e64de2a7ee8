//! Conditions joined by `and`, `or` and `not`, and the fewest of them that would have to change.

/// Most sets of leaves that are kept for each gate while smaller ones are looked for.
const SETS_MAX: usize = 16;

/// Numbers of leaves, in order, each once.
pub(crate) type Leaves = Vec<u32>;

/// How a gate follows from others, which come before it.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    Fixed(bool),
    /// A condition, or what is not so when it is.
    Leaf {
        leaf: u32,
        negated: bool,
    },
    Not(u32),
    All(Vec<u32>),
    Any(Vec<u32>),
}

/// A formula over leaves that hold or do not hold. The last gate is the whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Formula {
    gates: Vec<Gate>,
    leaves: Vec<bool>,
}

impl Formula {
    pub(crate) fn leaf(&mut self, holds: bool) -> u32 {
        self.leaves.push(holds);
        self.leaves.len() as u32 - 1
    }

    pub(crate) fn push(&mut self, gate: Gate) -> u32 {
        self.gates.push(gate);
        self.gates.len() as u32 - 1
    }

    /// What every gate is once some leaves are what they are not now.
    fn truths(&self, flipped: &[u32]) -> Vec<bool> {
        let mut truths: Vec<bool> = Vec::with_capacity(self.gates.len());
        for gate in &self.gates {
            let of = |gate: &u32| truths[*gate as usize];
            let truth = match gate {
                Gate::Fixed(holds) => *holds,
                Gate::Leaf { leaf, negated } => {
                    self.leaves[*leaf as usize] ^ negated ^ flipped.binary_search(leaf).is_ok()
                }
                Gate::Not(inner) => !of(inner),
                Gate::All(all) => all.iter().all(of),
                Gate::Any(all) => all.iter().any(of),
            };
            truths.push(truth);
        }
        truths
    }

    /// Whether the whole holds once some leaves are what they are not now.
    pub(crate) fn holds(&self, flipped: &[u32]) -> bool {
        self.truths(flipped).last().copied().unwrap_or_default()
    }

    /// Sets of leaves that make the whole what it is not now, were all of a set flipped; smallest first.
    ///
    /// Where no leaf stands in two places the first one is as small as can be; else some may be passed over. Linear
    /// in the gates, times the size of the sets.
    pub(crate) fn flips(&self) -> Vec<Leaves> {
        let truths = self.truths(&[]);
        // What makes each gate what it is not now.
        let mut flips: Vec<Vec<Leaves>> = Vec::with_capacity(self.gates.len());
        for (gate, holds) in self.gates.iter().zip(&truths) {
            let sets = match gate {
                Gate::Fixed(_) => Vec::new(),
                Gate::Leaf { leaf, .. } => vec![vec![*leaf]],
                Gate::Not(inner) => flips[*inner as usize].clone(),
                Gate::All(all) if *holds => either(all.iter().map(|gate| &flips[*gate as usize])),
                Gate::Any(all) if !*holds => either(all.iter().map(|gate| &flips[*gate as usize])),
                // Those that stand in the way have to change, all of them.
                Gate::All(all) | Gate::Any(all) => {
                    let in_the_way = all.iter().filter(|gate| truths[**gate as usize] == *holds);
                    every(in_the_way.map(|gate| &flips[*gate as usize]))
                }
            };
            flips.push(sets);
        }
        let holds = truths.last().copied().unwrap_or_default();
        let mut sets = flips.pop().unwrap_or_default();
        // A leaf that stands in several places may undo with one what it does with the other.
        sets.retain(|set| self.holds(set) != holds);
        sets
    }
}

fn either<'s>(choices: impl Iterator<Item = &'s Vec<Leaves>>) -> Vec<Leaves> {
    smallest(choices.flatten().cloned().collect())
}

fn every<'s>(needed: impl Iterator<Item = &'s Vec<Leaves>>) -> Vec<Leaves> {
    let mut sets: Vec<Leaves> = vec![Vec::new()];
    for choices in needed {
        let joined = sets.iter().flat_map(|set| choices.iter().map(|more| union(set, more)));
        sets = smallest(joined.collect());
    }
    sets
}

fn union(a: &Leaves, b: &Leaves) -> Leaves {
    let mut all: Leaves = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn smallest(mut sets: Vec<Leaves>) -> Vec<Leaves> {
    sets.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    sets.dedup();
    sets.truncate(SETS_MAX);
    sets
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    /// A random formula; each of `leaves` stands in as many places as it is there.
    fn formula(rng: &mut Rng, leaves: &[u32]) -> Formula {
        let mut formula = Formula::default();
        (0..8).for_each(|_| {
            formula.leaf(rng.bool());
        });
        let mut open: Vec<u32> = leaves
            .iter()
            .map(|leaf| {
                let negated = rng.bool();
                formula.push(Gate::Leaf { leaf: *leaf, negated })
            })
            .collect();
        if rng.u32(0..4) == 0 {
            let fixed = rng.bool();
            open.push(formula.push(Gate::Fixed(fixed)));
        }
        while open.len() > 1 {
            rng.shuffle(&mut open);
            let some = open.split_off(open.len() - rng.usize(1..=open.len().min(3)));
            let gate = match rng.u32(0..5) {
                0 => Gate::Not(some[0]),
                1 | 2 => Gate::All(some.clone()),
                _ => Gate::Any(some.clone()),
            };
            if let Gate::Not(_) = gate {
                open.extend(&some[1..]);
            }
            open.push(formula.push(gate));
        }
        formula
    }

    /// The size of the smallest set that turns the whole, looked for among all sets.
    fn least(formula: &Formula) -> Option<usize> {
        let now = formula.holds(&[]);
        let sets = (1_u32..1 << 8).map(|bits| (0..8).filter(|i| bits >> i & 1 == 1).collect::<Leaves>());
        sets.filter(|set| formula.holds(set) != now).map(|set| set.len()).min()
    }

    #[test]
    fn every_set_turns_the_whole_and_the_first_is_the_smallest() {
        let rng = &mut Rng::with_seed(5);
        for _ in 0..500 {
            let each_once = formula(rng, &[0, 1, 2, 3, 4, 5, 6, 7]);
            let sets = each_once.flips();
            assert_eq!(sets.first().map(Vec::len), least(&each_once), "{each_once:?}");
            let shared = formula(rng, &[0, 1, 2, 3, 0, 1, 2, 3, 4]);
            let now = shared.holds(&[]);
            for set in shared.flips() {
                assert_ne!(shared.holds(&set), now, "{shared:?}");
                assert!(Some(set.len()) >= least(&shared));
            }
        }
    }
}
