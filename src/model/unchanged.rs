use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

/// Says that something is as it was when this was made: another one of the same is equal until it changes, and never
/// again after that.
///
/// It keeps nothing of it in memory. Whoever changes what is in an [`Arc`] by [`Arc::make_mut`] moves it elsewhere where
/// one of these is kept, so the place tells.
#[derive(Clone, Debug)]
pub(crate) struct Unchanged(Weak<dyn Any + Send + Sync>);

impl Unchanged {
    pub(crate) fn of<T: Send + Sync + 'static>(shared: &Arc<T>) -> Unchanged {
        let weak: Weak<T> = Arc::downgrade(shared);
        Unchanged(weak)
    }

    fn place(&self) -> *const () {
        self.0.as_ptr().cast()
    }
}

impl PartialEq for Unchanged {
    fn eq(&self, other: &Unchanged) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Unchanged {}

impl Hash for Unchanged {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
    }
}

/// Stands for something that is not in an [`Arc`] of its own: whoever changes it says so.
///
/// Copies are equal until one of them changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark(Arc<()>);

impl Mark {
    /// Says that what it stands for changes.
    #[inline]
    pub(crate) fn change(&mut self) {
        Arc::make_mut(&mut self.0);
    }

    pub(crate) fn unchanged(&self) -> Unchanged {
        Unchanged::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_another_one_for_ever() {
        let mut list = Arc::new(vec![1]);
        let mut mark = Mark::default();
        let (mut of_list, mut of_mark) = (vec![Unchanged::of(&list)], vec![mark.unchanged()]);
        for number in 0..1_000 {
            assert_eq!(Unchanged::of(&list), of_list[number]);
            assert_eq!(mark.unchanged(), of_mark[number]);
            let (copy, other) = (list.clone(), mark.clone());
            if number % 3 > 0 {
                drop((copy, other));
            } else {
                assert_eq!(
                    (Unchanged::of(&copy), other.unchanged()),
                    (Unchanged::of(&list), mark.unchanged())
                );
            }
            Arc::make_mut(&mut list).push(number);
            mark.change();
            assert!(!of_list.contains(&Unchanged::of(&list)) && !of_mark.contains(&mark.unchanged()));
            of_list.push(Unchanged::of(&list));
            of_mark.push(mark.unchanged());
        }
    }
}
