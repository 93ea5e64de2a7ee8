use crate::definitions::Definitions;
use crate::engine::among::Among;
use crate::engine::homes::Homes;
use crate::engine::hosts::{Hosts, Maker};
use crate::engine::moving::Several;
use crate::engine::open::{Opened, Options, open};
use crate::engine::shard::Shard;
use crate::engine::suppressions::Salt;
use crate::engine::{Durability, Error, Partition};
use crate::storage::{self, Disk, Journal, PartDisk, Partitions};
use parking_lot::RwLock;
use std::sync::Arc;

/// Most partitions that an engine may have.
pub(crate) const PARTITIONS_MAX: u16 = 64;

/// The partitions of an engine.
#[derive(Debug)]
pub(super) struct Shards {
    pub(super) shards: Box<[Shard]>,
    /// Nothing where there is one.
    pub(super) several: Option<Several>,
    /// Nothing where all is in memory.
    pub(super) durability: Option<Durability>,
}

impl Shards {
    /// Fresh ones, all in memory.
    pub(super) fn in_memory(definitions: &Definitions, count: u16, recommenders: &[Maker]) -> Shards {
        let homes = (count > 1).then(|| Arc::new(Homes::new(count)));
        let shard = |number: u16| {
            let mut partition = Partition::new(definitions);
            partition.models.bring(Hosts::new(recommenders));
            homes.iter().for_each(|homes| partition.place_among(Among::new(number, homes.clone())));
            Shard { partition: RwLock::new(partition), durable: None }
        };
        Shards {
            shards: (0..count).map(shard).collect(),
            several: homes.clone().map(Several::new),
            durability: None,
        }
    }

    /// Those of a store, which is made where there is none; and what was found in it.
    pub(super) fn open(
        definitions: &Definitions,
        disk: Arc<dyn Disk>,
        journals: Vec<Box<dyn Journal>>,
        asked: Option<u16>,
        options: Options,
    ) -> Result<(Shards, Opened), Error> {
        let mut there = Partitions::load(&*disk)?;
        let count = match there {
            Some(there) => there.count,
            None if is_of_one(&*disk)? => 1,
            None => asked.unwrap_or(1),
        };
        if let Some(asked) = asked.filter(|asked| *asked != count) {
            return Err(Error::OtherPartitions { there: count, asked });
        }
        if !journals.is_empty() && journals.len() != usize::from(count) {
            return Err(Error::OtherJournals { partitions: count, given: journals.len() });
        }
        let mut journals = journals.into_iter();
        let durability = Some(options.durability);
        if count == 1 {
            let (partition, durable, opened) = open(definitions, disk, journals.next(), &options, None)?;
            let shard = Shard { partition: RwLock::new(partition), durable: Some(durable) };
            // Before the first input.
            if !opened.was_there {
                shard.checkpoint()?;
            }
            return Ok((Shards { shards: Box::new([shard]), several: None, durability }, opened));
        }
        let disks = PartDisk::all(&disk, count)?;
        // Another engine may have come between.
        there = Partitions::load(&*disk)?;
        let salt = match there {
            Some(there) if there.count != count => {
                return Err(Error::OtherPartitions { there: there.count, asked: count });
            }
            Some(there) => there.salt,
            None => {
                let salt = Salt::new(definitions.settings.seed).0;
                Partitions { count, salt }.save(&*disk)?;
                salt
            }
        };
        let homes = Arc::new(Homes::new(count));
        let options = Options { memory: options.memory / usize::from(count), ..options };
        let mut found = Opened { was_there: true, ..Opened::default() };
        let mut shards = Vec::with_capacity(disks.len());
        for (disk, number) in disks.into_iter().zip(0..) {
            let among = (Among::new(number, homes.clone()), Salt(salt));
            let (partition, durable, opened) =
                open(definitions, Arc::new(disk), journals.next(), &options, Some(among))?;
            found.was_there &= opened.was_there;
            found.users += opened.users;
            found.replayed += opened.replayed;
            found.lost += opened.lost;
            shards.push((
                Shard { partition: RwLock::new(partition), durable: Some(durable) },
                opened.was_there,
            ));
        }
        // Before the first input of any of them.
        shards.iter().filter(|(_, was_there)| !was_there).try_for_each(|(shard, _)| shard.checkpoint())?;
        let shards = shards.into_iter().map(|(shard, _)| shard).collect();
        let shards = Shards { shards, several: Some(Several::new(homes)), durability };
        shards.reconcile()?;
        Ok((shards, found))
    }

    /// A partition alone, in memory.
    pub(super) fn alone(partition: Partition) -> Shards {
        let shard = Shard { partition: RwLock::new(partition), durable: None };
        Shards { shards: Box::new([shard]), several: None, durability: None }
    }

    /// The same once more, all of it in memory: everybody has to be there. Nobody is moved meanwhile.
    ///
    /// # Errors
    /// A user who cannot be read.
    pub(super) fn copied(&self) -> Result<Shards, Error> {
        let Some(several) = &self.several else {
            return self.first().read_everybody(Partition::copied).map(Shards::alone);
        };
        let moving = self.stop_moves(several)?;
        let homes = Arc::new(Homes::new(several.homes.count()));
        let copied = |(number, shard): (u16, &Shard)| {
            shard.read_everybody(|partition| {
                let mut copy = partition.copied();
                // Who has moved has arrived, so the copies begin to count moves anew.
                let mut among = Among::new(number, homes.clone());
                among.newcomers =
                    partition.among.as_ref().map_or_else(Default::default, |own| own.newcomers.clone());
                copy.place_among(among);
                Shard { partition: RwLock::new(copy), durable: None }
            })
        };
        let shards = self.numbered().map(copied).collect::<Result<_, Error>>()?;
        drop(moving);
        let shards = Shards { shards, several: Some(Several::new(homes)), durability: None };
        shards.reconcile()?;
        Ok(shards)
    }

    /// The partition of that number.
    pub(super) fn of(&self, number: u16) -> &Shard {
        &self.shards[usize::from(number)]
    }

    /// Whether there is more than one.
    pub(super) fn is_several(&self) -> bool {
        self.shards.len() > 1
    }

    /// One that is there in any case.
    pub(super) fn first(&self) -> &Shard {
        &self.shards[0]
    }

    pub(super) fn numbered(&self) -> impl Iterator<Item = (u16, &Shard)> {
        (0..).zip(&self.shards)
    }
}

/// Whether there is a store of a single partition.
fn is_of_one(disk: &dyn Disk) -> Result<bool, Error> {
    let names = disk.names().map_err(|error| storage::Error::io("list", disk.describe(""), error))?;
    Ok(names.iter().any(|name| name == "root" || name.starts_with("journal-")))
}
