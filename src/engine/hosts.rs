//! Recommenders that the host brings.

use crate::engine::Error;
use crate::model::{Bytes, Malformed, Record};
use crate::recommend::{Items, Recommender};
use std::fmt;
use std::sync::Arc;

/// What a recommender may count beside sessions, which count 1.
const WEIGHT_MAX: f64 = 1_000.0;

/// Makes a recommender, untrained, and says what it counts.
#[derive(Clone)]
pub(super) struct Maker {
    weight: f64,
    make: Arc<dyn Fn() -> Box<dyn Recommender> + Send + Sync>,
}

impl Maker {
    pub(super) fn new<R: Recommender + 'static>(
        weight: f64,
        make: impl Fn() -> R + Send + Sync + 'static,
    ) -> Maker {
        Maker { weight, make: Arc::new(move || Box::new(make())) }
    }

    /// Makes sure that they can be told apart, and weighed.
    ///
    /// # Errors
    /// [`Error::HostRecommender`].
    pub(super) fn check(makers: &[Maker]) -> Result<(), Error> {
        let mut names: Vec<String> = Vec::new();
        for Maker { weight, make } in makers {
            let name = make().name().to_owned();
            let refused = |reason| Err(Error::HostRecommender { name: name.clone(), reason });
            if !(-WEIGHT_MAX..=WEIGHT_MAX).contains(weight) {
                return refused("its weight is not from -1000 to 1000");
            }
            if names.contains(&name) {
                return refused("another one has this name: what was learned is kept by it");
            }
            names.push(name);
        }
        Ok(())
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maker").field("weight", &self.weight).finish_non_exhaustive()
    }
}

/// One of them.
#[derive(Debug)]
struct Hosted {
    maker: Maker,
    model: Box<dyn Recommender>,
}

/// Those of a partition, no two of the same name.
#[derive(Debug, Default)]
pub(super) struct Hosts(Vec<Hosted>);

impl Hosts {
    pub(super) fn new(makers: &[Maker]) -> Hosts {
        let hosted = |maker: &Maker| Hosted { model: (maker.make)(), maker: maker.clone() };
        Hosts(makers.iter().map(hosted).collect())
    }

    /// Each with its weight.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, &dyn Recommender)> {
        self.0.iter().map(|hosted| (hosted.maker.weight, &*hosted.model))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut dyn Recommender> {
        self.0.iter_mut().map(|hosted| &mut *hosted.model as &mut dyn Recommender)
    }

    /// The same once more. One that does not read what it has written breaks its contract, and begins anew there.
    pub(super) fn copied(&self, items: &Items) -> Hosts {
        let copied = |Hosted { maker, model }: &Hosted| {
            let mut bytes = Vec::new();
            model.checkpoint(&mut bytes);
            let mut copy = (maker.make)();
            if copy.restore(&bytes, items).is_err() {
                copy = (maker.make)();
            }
            Hosted { maker: maker.clone(), model: copy }
        };
        Hosts(self.0.iter().map(copied).collect())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.0.len().write(out);
        for Hosted { model, .. } in &self.0 {
            let mut bytes = Vec::new();
            model.checkpoint(&mut bytes);
            model.name().to_owned().write(out);
            bytes.write(out);
        }
    }

    /// Has each go on with what was learned under its name. One that was not there has learned nothing yet, and what one
    /// that is gone had learned is dropped.
    ///
    /// # Errors
    /// Bytes that were not written so, or that a recommender does not read.
    pub(super) fn read(&mut self, items: &Items, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        for _ in 0..from.read::<usize>()? {
            let (name, bytes): (String, Vec<u8>) = from.read()?;
            let refused = from.malformed("what a recommender of the host's had learned");
            if let Some(hosted) = self.0.iter_mut().find(|hosted| hosted.model.name() == name) {
                hosted.model.restore(&bytes, items).map_err(|_| refused)?;
            }
        }
        Ok(())
    }
}
