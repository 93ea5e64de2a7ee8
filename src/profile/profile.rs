use crate::model::{Instant, Zone};
use crate::profile::lineage::Lineage;
use crate::profile::{Affinities, Attributes, History, Session, Symbols, Totals};
use smallvec::SmallVec;
use smol_str::SmolStr;

/// All that is known of one user, in the compact form in which it is resident. Hosts see [`UserProfile`].
///
/// [`UserProfile`]: crate::profile::UserProfile
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// The id that outputs show: the user id, or while there is none the first anonymous one.
    pub(crate) name: SmolStr,
    /// Behind a pointer, because most have none.
    pub(crate) lineage: Option<Box<Lineage>>,
    /// Numbers of its ids in the store's table.
    pub(crate) ids: SmallVec<[u32; 2]>,
    pub(crate) has_user_id: bool,
    /// Number of its zone in the store.
    pub(crate) zone: u16,
    pub(crate) first_seen: Instant,
    pub(crate) last_seen: Instant,
    pub(crate) session: Session,
    pub(crate) attributes: Attributes,
    pub(crate) history: History,
    pub(crate) affinities: Affinities,
    pub(crate) totals: Totals,
}

impl Profile {
    pub(crate) fn new(name: SmolStr, has_user_id: bool, now: Instant) -> Profile {
        Profile {
            name,
            lineage: None,
            ids: SmallVec::new(),
            has_user_id,
            zone: 0,
            first_seen: now,
            last_seen: now,
            session: Session::default(),
            attributes: Attributes::default(),
            history: History::default(),
            affinities: Affinities::default(),
            totals: Totals::default(),
        }
    }

    /// The id that stable numbers are drawn by.
    pub(crate) fn bucketing_id(&self) -> &str {
        self.lineage.as_ref().and_then(|lineage| lineage.first_name.as_deref()).unwrap_or(&self.name)
    }

    /// A number in [0, 100) that follows from salt and user alone, the same on every machine.
    pub(crate) fn bucket(&self, salt: &str) -> f64 {
        let hash = crate::model::stable_hash(&[b"bucket", salt.as_bytes(), self.bucketing_id().as_bytes()]);
        // 53 bits, as many as a float holds exactly.
        ((hash as u64) >> 11) as f64 / (1_u64 << 53) as f64 * 100.0
    }

    pub(crate) fn release(mut self, symbols: &mut Symbols) {
        if let Some(merged) = self.lineage.take().and_then(|lineage| lineage.merged) {
            merged.parts.into_iter().for_each(|part| part.profile.release(symbols));
        }
        self.attributes.release(symbols);
        self.history.release(symbols);
        self.affinities.release(symbols);
        self.totals.release(symbols);
    }
}

/// The zones that users are in, each once. The first is the default one.
#[derive(Debug, Clone)]
pub(crate) struct Zones(Vec<Zone>);

impl Zones {
    pub(crate) fn new(default: Zone) -> Zones {
        Zones(vec![default])
    }

    pub(crate) fn set_default(&mut self, zone: Zone) {
        self.0[0] = zone;
    }

    pub(crate) fn get(&self, number: u16) -> &Zone {
        &self.0[number as usize]
    }

    /// The number of the zone of that name; the default one's where there is none.
    pub(crate) fn number(&mut self, name: &str) -> u16 {
        if let Some(known) = self.0.iter().skip(1).position(|zone| zone.name() == name) {
            return known as u16 + 1;
        }
        match Zone::named(name) {
            // The database has some six hundred names, so the numbers last; `name` may be another spelling.
            Some(zone) => {
                let known = self.0.iter().skip(1).position(|z| z.name() == zone.name());
                known.map_or_else(
                    || {
                        self.0.push(zone);
                        self.0.len() as u16 - 1
                    },
                    |place| place as u16 + 1,
                )
            }
            None => 0,
        }
    }
}
