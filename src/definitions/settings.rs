//! `version` and `[settings]`.

use crate::definitions::reader::Table;
use crate::model::{Duration, HashKey, Zone};
use crate::profile::{DeviceRule, IdentityRules};

/// What `[settings]` says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// `timezone`: the zone of users who have none.
    pub(crate) zone: Zone,
    /// A pause longer than this ends a session.
    pub(crate) session_gap: Duration,
    /// How far ahead of the engine's clock a message may be.
    pub(crate) allowed_skew: Duration,
    /// How long message ids are remembered.
    pub(crate) dedup_window: Duration,
    /// Most live parts of a keyed segment, per user.
    pub(crate) parts_max: usize,
    /// What the salt of hashes that stay of erased users follows from.
    pub(crate) seed: u64,
    /// How long an action may wait for the host to take it, whatever the journey says.
    pub(crate) outbox_max: Option<Duration>,
    /// How long inputs may stay in the journal of a store.
    pub(crate) journal_max: Option<Duration>,
    /// `schema = "strict"`: names that are not declared are errors.
    pub(crate) strict: bool,
    /// `schema = "closed"`: besides, what is not declared is not kept.
    pub(crate) closed: bool,
    /// `device`, `undo_window` and `[ids]`.
    pub(crate) identity: IdentityRules,
    /// `hash_key`: for values of which a hash is kept.
    pub(crate) hash_key: Option<HashKey>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            zone: Zone::UTC,
            session_gap: Duration::minutes(30),
            allowed_skew: Duration::minutes(5),
            dedup_window: Duration::days(7),
            parts_max: 256,
            seed: 0,
            outbox_max: None,
            journal_max: None,
            strict: true,
            closed: false,
            identity: IdentityRules::default(),
            hash_key: None,
        }
    }
}

/// Most live parts of a keyed segment that can be asked for.
const PARTS_MAX: i64 = 65_536;
/// A shorter key could be found by trying.
const HASH_KEY_BYTES_MIN: usize = 16;

/// Whether the version is one that can be read; where it is not, nothing else is worth reading.
pub(super) fn read_version(root: &mut Table<'_>) -> bool {
    let Some(node) = root.get("version") else {
        root.error_help("`version` is missing", "begin the text with `version = 1`");
        return true;
    };
    match node.integer() {
        Some(1) => true,
        Some(version) => {
            node.error_help(
                format!("definitions of version {version} are not known"),
                "this crate reads version 1",
            );
            false
        }
        None => true,
    }
}

pub(super) fn read(root: &mut Table<'_>) -> Settings {
    let mut settings = Settings::default();
    let Some(mut table) = root.get("settings").and_then(|node| node.table()) else { return settings };
    if let Some(node) = table.get("timezone")
        && let Some(name) = node.text()
    {
        match Zone::named(name) {
            Some(zone) => settings.zone = zone,
            None => {
                let names: Vec<String> = Zone::names();
                let help = "write an IANA name, such as `Europe/Paris`".to_owned();
                node.unknown("time zone", name, names.iter().map(String::as_str), Some(help));
            }
        }
    }
    if let Some(gap) = table.get("session_gap").and_then(|node| node.duration()) {
        settings.session_gap = gap;
    }
    if let Some(skew) = table.get("allowed_skew").and_then(|node| node.duration_from(Duration::ZERO)) {
        settings.allowed_skew = skew;
    }
    if let Some(window) = table.get("dedup_window").and_then(|node| node.duration()) {
        settings.dedup_window = window;
    }
    if let Some(most) = table.get("parts_max").and_then(|node| node.integer_in(1, PARTS_MAX)) {
        settings.parts_max = most as usize;
    }
    if let Some(seed) = table.get("seed").and_then(|node| node.integer_in(0, i64::MAX)) {
        settings.seed = seed as u64;
    }
    let choices = [("owner", DeviceRule::Owner), ("separate", DeviceRule::Separate)];
    if let Some(rule) = table.get("device").and_then(|node| node.choice("device", &choices)) {
        settings.identity.device = rule;
    }
    // The absorptions of a day are counted by what they keep.
    if let Some(window) = table.get("undo_window").and_then(|node| node.duration_from(Duration::days(1))) {
        settings.identity.undo_window = window;
    }
    let choices = [("strict", (true, false)), ("closed", (true, true)), ("lenient", (false, false))];
    if let Some(schema) = table.get("schema").and_then(|node| node.choice("schema", &choices)) {
        (settings.strict, settings.closed) = schema;
    }
    if let Some((node, key)) = table.get("hash_key").and_then(|node| Some((node, node.text()?))) {
        if key.len() < HASH_KEY_BYTES_MIN {
            let message =
                format!("the key has {} bytes, at least {HASH_KEY_BYTES_MIN} are needed", key.len());
            node.error_help(message, "whoever guesses the key can find values by their hashes");
        }
        settings.hash_key = Some(HashKey::new(key));
    }
    table.finish();
    settings
}
