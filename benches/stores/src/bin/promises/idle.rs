//! (e), (g) Threads that a store starts by itself, and the memory of an open store that nobody uses.
use crate::{SEED, command};
use bespoke_stores::{Level, Result, STORES, open, profile};
use std::{fs, io::Read, path::Path, time::Duration};

const PROFILES: u64 = 100_000;

pub(crate) fn table() -> Result<()> {
    println!(
        "\nidle: threads and resident memory in kB (more than before opening), a second after the last call"
    );
    println!("{:<12} {:<42} {:>8} {:>10}", "store", "after", "threads", "memory kB");
    for store in STORES {
        let folder = tempfile::tempdir()?;
        let name = folder.path().to_str().ok_or("the folder's name is not text")?;
        for step in [
            "opening an empty one",
            "writing 100 000 profiles of 350 bytes",
            "opening that",
            "reading all of it",
        ] {
            let mut said = String::new();
            let mut child = command(&["idle", store, step, name])?.spawn()?;
            child.stdout.take().ok_or("no pipe")?.read_to_string(&mut said)?;
            child.wait()?;
            let (threads, memory) = said.trim().split_once(' ').ok_or("the child failed")?;
            println!("{store:<12} {step:<42} {threads:>8} {memory:>10}");
        }
    }
    Ok(())
}

pub(crate) fn child(args: &[&str]) -> Result<()> {
    let [name, step, folder] = args else { panic!("child idle: store step folder") };
    let (threads, memory) = used()?;
    let mut store = open(name, Path::new(folder))?;
    if step.starts_with("writing") {
        for first in (0..PROFILES).step_by(1000) {
            let profiles: Vec<_> = (first..first + 1000).map(|key| (key, profile(SEED, key, 0))).collect();
            store.put(&profiles, Level::Synced)?;
        }
    }
    if step.starts_with("reading") {
        for key in 0..PROFILES {
            store.profile(key)?.ok_or("a profile is missing")?;
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let (threads_now, memory_now) = used()?;
    println!("{} {}", threads_now - threads, memory_now.saturating_sub(memory));
    Ok(())
}

/// Threads of this process, and its resident memory in kB.
fn used() -> Result<(usize, u64)> {
    let status = fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let memory = memory.trim().trim_end_matches(" kB").parse()?;
    Ok((fs::read_dir("/proc/self/task")?.count(), memory))
}
