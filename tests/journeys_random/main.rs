//! Random journeys over random days: however a host's clock ticks, whatever stops it, the same people get the same
//! messages at the same instants, and nobody gets what the rules forbid.
//!
//! `SEEDS` asks for more worlds than the tests run by themselves, `FROM` for others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // a test may stop at what should not be

mod law;
mod life;
mod world;

use bespoke::engine::{Durability, Engine};
use bespoke::model::Duration;
use bespoke::storage::MemoryDisk;
use fastrand::Rng;
use law::Seen;
use life::Life;
use world::World;

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number =
        |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let from = number("FROM", 0);
    from..from + number("SEEDS", default)
}

fn engine(world: &World) -> Engine {
    Engine::builder(world.definitions.clone()).lease(Duration::hours(4)).open().unwrap()
}

#[test]
fn laws_hold_and_ids_are_stable_under_replay() {
    let mut all = Seen::default();
    for seed in seeds(40) {
        let world = World::new(seed, 120);
        let what = format!("seed {seed}");
        let life = Life::of(&world, engine(&world), |_, _, _| {});
        let seen = law::check(&what, &world, &life);
        let again = Life::of(&world, engine(&world), |_, _, _| {});
        assert!(life == again, "{what}: {}", life.difference(&again).unwrap_or_default());
        all.sent += seen.sent;
        all.deferred += seen.deferred;
        all.skipped += seen.skipped;
        all.lost += seen.lost;
        all.completed += seen.completed;
        all.exited += seen.exited;
        seen.said.into_iter().for_each(|(kind, count)| *all.said.entry(kind).or_default() += count);
    }
    let Seen { sent, deferred, skipped, lost, completed, exited, ref said } = all;
    let least = [sent / 4, deferred, skipped, lost, completed / 2, exited].into_iter().min();
    let worlds = seeds(40).count();
    assert!(least >= Some(worlds), "too little to prove anything: {all:?}");
    for kind in [
        "held out",
        "affected",
        "best time",
        "throttle",
        "sent already",
        "unreachable",
        "zone changed",
        "outside",
        "side by side",
    ] {
        assert!(said.contains_key(kind), "no {kind} in all these worlds: {said:?}");
    }
}

#[test]
fn how_a_host_batches_its_inputs_changes_nothing() {
    for seed in seeds(40) {
        let world = World::new(seed, 120);
        let lazy = Life::of(&world, engine(&world), |_, _, _| {});
        let rng = &mut Rng::with_seed(seed);
        let awake = Life::of(&world, engine(&world), |engine, now, life| {
            match rng.u32(0..4) {
                // At everything that is due, as a host's timer does.
                0 => {
                    while let Some(due) = engine.next_due().filter(|due| *due < now) {
                        life.note(engine.advance(due.max(engine.clock())).unwrap());
                    }
                }
                1 => {
                    let clock = engine.clock();
                    let mut at = world.inputs[0].0.max(clock);
                    while at < now {
                        life.note(engine.advance(at).unwrap());
                        at = at + Duration::from_millis(rng.i64(1..3_000_000));
                    }
                }
                2 => life.note(engine.advance(now - Duration::from_millis(1)).unwrap()),
                _ => {}
            }
        });
        assert!(
            lazy == awake,
            "seed {seed}: {}\n{}",
            lazy.difference(&awake).unwrap_or_default(),
            world.text
        );
    }
}

#[test]
fn a_crash_at_any_input_changes_nothing() {
    for seed in seeds(12) {
        let world = World::new(seed, 80);
        let expected = Life::of(&world, engine(&world), |_, _, _| {});
        let rng = &mut Rng::with_seed(seed);
        let mut disk = MemoryDisk::new();
        let open = |disk: &MemoryDisk, bytes: usize| {
            let builder = Engine::builder(world.definitions.clone()).lease(Duration::hours(4));
            builder.disk(disk.clone()).durability(Durability::Synced).memory(bytes).open().unwrap()
        };
        let first = open(&disk, 1);
        let survived = Life::of(&world, first, |engine, _, _| {
            if rng.u32(0..4) == 0 {
                engine.checkpoint().unwrap();
            }
            if rng.u32(0..4) == 0 {
                // The machine is off, with whatever was not on the disk yet.
                disk = disk.crash(rng.u64(..));
                *engine = open(&disk, [1, 1 << 20][rng.usize(..2)]);
            }
        });
        assert!(survived == expected, "seed {seed}: {}", survived.difference(&expected).unwrap_or_default());
    }
}
