//! What bespoke promises of its store, asked of others. Without arguments: all tables. What may panic, hang or must
//! be killed runs in a child: this program again, with `child` as first argument.
mod damage;
mod full;
mod idle;
mod kill;
mod residue;

use bespoke_stores::{Result, heading};
use std::process::{Command, Stdio};

const SEED: u64 = 20_260_401;

type Table = fn() -> Result<()>;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["child", rest @ ..] = args.as_slice() {
        return match rest {
            ["kill", rest @ ..] => kill::child(rest),
            ["build", rest @ ..] => damage::build(rest),
            ["check", rest @ ..] => damage::check(rest),
            ["full", rest @ ..] => full::child(rest),
            ["idle", rest @ ..] => idle::child(rest),
            _ => panic!("no child `{rest:?}`"),
        };
    }
    let tables: [(&str, Table); 5] = [
        ("kill", kill::table),
        ("damage", damage::table),
        ("full", full::table),
        ("residue", residue::table),
        ("idle", idle::table),
    ];
    println!("{}", heading(SEED));
    for (name, table) in tables {
        if args.is_empty() || args.contains(&name) {
            table()?;
        }
    }
    Ok(())
}

/// This program as a child with piped output.
fn command(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("child").args(args).stdout(Stdio::piped()).stderr(Stdio::null());
    Ok(command)
}
