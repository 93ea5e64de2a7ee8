//! A host is killed at random instants, again and again: every acknowledged input is there, none twice, and the state is
//! that of a host which was never killed.
//!
//! The parent starts this program again as its child, which ingests a stream of inputs that follows from a seed, and
//! prints the number of each once it is acknowledged. `KILLS=5000 cargo test --release --test kill` does it more often.

use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine};
use bespoke::model::{Duration, Ids, Instant, Message};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DEFINITIONS: &str = r#"
    version = 1
    [attributes]
    country = "string"
    [events.view]
    sku = "string"
    [events.purchase]
    amount = "number"
    [segments]
    curious = "count(view in 1h) >= 2"
    silent = "not did(view in 2h)"
    spender = "sum(purchase.amount) >= 50"
    [templates.hello]
    title = "Hello"
    [journeys.welcome]
    enter = { event = "view" }
    step = [
        { id = "patience", wait = "10m" },
        { id = "hello", send = { channel = "push", template = "hello", expires = "2h" } },
    ]
    [recommend]
    interactions = { view = { item = "sku" } }
"#;

const CHILD: &str = "BESPOKE_TEST_CHILD";

fn open(folder: &Path, durability: Durability) -> Engine {
    let definitions = Definitions::from_toml(DEFINITIONS).expect("definitions are right");
    let builder = Engine::builder(definitions).store(folder).durability(durability);
    // Few users fit, and checkpoints come often.
    builder.memory(30_000).checkpoint_bytes(20_000).open().expect("what was killed opens again")
}

/// The inputs of a seed, by number. Each is accepted whatever came before.
fn input(engine: &Engine, seed: u64, number: u64) {
    let rng = &mut fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let now = Instant::from_millis(1_795_428_000_000) + Duration::seconds(30 * number as i64);
    let user = format!("user-{}", rng.u32(0..60));
    let message = match rng.u32(0..100) {
        0 => Message::forget(user),
        1 => {
            engine.advance(now).expect("time can always pass");
            return;
        }
        2..12 => Message::identify(user).with("country", ["FR", "DE"][rng.usize(0..2)]),
        12..25 => Message::track(user, "purchase").with("amount", rng.i64(1..40)),
        25..30 => Message::track(Ids::both(user, format!("device-{number}")), "view"),
        _ => Message::track(user, "view").with("sku", format!("sku-{}", rng.u32(0..20))),
    };
    engine.ingest(message, now).expect("the stream has only sound messages");
}

fn child(folder: &Path, durability: Durability, seed: u64) {
    let engine = open(folder, durability);
    let mut out = std::io::stdout();
    for number in engine.sequence().. {
        input(&engine, seed, number);
        writeln!(out, "{number}").and_then(|()| out.flush()).expect("the parent reads");
    }
}

/// Starts a child, kills it after a while, and gives the last input that it acknowledged.
fn run_and_kill(folder: &Path, durability: &str, seed: u64, millis: u64) -> Option<u64> {
    let program = std::env::current_exe().expect("a program knows where it is");
    let mut child = Command::new(program)
        .env(CHILD, format!("{durability},{seed},{}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a program can start itself");
    let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let reader = std::thread::spawn(move || {
        // The last line may be cut off.
        lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok()).last()
    });
    std::thread::sleep(std::time::Duration::from_millis(millis));
    child.kill().expect("a child can be killed");
    child.wait().expect("a killed child ends");
    reader.join().expect("the reader only reads")
}

fn check(durability: &str, seed: u64, kills: u64) {
    let folder = Folder::new(&format!("{durability}-{seed}"));
    let level = level(durability);
    let rng = &mut fastrand::Rng::with_seed(seed);
    let mut acknowledged = 0;
    for kill in 0..kills {
        if let Some(last) = run_and_kill(&folder.0, durability, seed, rng.u64(10..120)) {
            acknowledged = acknowledged.max(last + 1);
        }
        let engine = open(&folder.0, level);
        let there = engine.sequence();
        // At most the one that was on its way is there without an answer.
        assert!(
            (acknowledged..=acknowledged + 1).contains(&there),
            "{durability}, seed {seed}, kill {kill}: {acknowledged} were acknowledged, {there} are there"
        );
        acknowledged = there;
    }
    let engine = open(&folder.0, level);
    let twin = Engine::builder(Definitions::from_toml(DEFINITIONS).expect("definitions are right"));
    let twin = twin.open().expect("memory opens");
    (0..engine.sequence()).for_each(|number| input(&twin, seed, number));
    assert!(engine.state() == twin.state(), "{durability}, seed {seed}: another state than if never killed");
    println!("{durability}, seed {seed}: killed {kills} times over {acknowledged} inputs, nothing lost");
}

fn level(name: &str) -> Durability {
    if name == "synced" { Durability::Synced } else { Durability::Written }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("bespoke-kill-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn main() {
    if let Ok(task) = std::env::var(CHILD) {
        let mut parts = task.splitn(3, ',');
        let mut part = || parts.next().expect("three parts").to_owned();
        let (durability, seed, folder) = (part(), part(), part());
        return child(Path::new(&folder), level(&durability), seed.parse().expect("a seed"));
    }
    let kills = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(60_u64);
    let runs = kills.div_ceil(30);
    for run in 0..runs {
        check(if run % 2 == 0 { "written" } else { "synced" }, run, kills.div_ceil(runs));
    }
    println!("{runs} passed, 0 failed");
}
