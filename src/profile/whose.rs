//! Whom a message will be about, before it is applied.

use crate::model::{Body, Message};
use crate::profile::{IdKind, ProfileStore, UserKey};
use smallvec::SmallVec;

/// Whom a message will be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A user who is there.
    Known(UserKey),
    /// One who will be made.
    New,
    /// Nobody, or nobody who is there.
    Nobody,
}

/// What applying a message will do to identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preview {
    pub(crate) whose: Whose,
    /// Whether ids may belong to somebody else afterwards.
    pub(crate) joins: bool,
}

impl ProfileStore {
    /// What `resolve` will do.
    pub(crate) fn preview(&self, message: &Message) -> Preview {
        let owner = |kind, id: &Option<Box<str>>| self.owner(kind, id.as_deref()?);
        let ids = &message.ids;
        let (user, weak) = (owner(IdKind::User, &ids.user), owner(IdKind::Anonymous, &ids.anonymous));
        let whose = match (user, weak) {
            _ if matches!(message.body, Body::World { .. }) => Whose::Nobody,
            _ if matches!(message.body, Body::Forget { .. }) => {
                match user.or(weak.filter(|_| ids.user.is_none())) {
                    Some(user) => Whose::Known(user),
                    None => Whose::Nobody,
                }
            }
            (Some(user), _) => Whose::Known(user),
            (None, Some(weak)) if ids.user.is_none() || !self.has_user_id(weak) => Whose::Known(weak),
            _ => Whose::New,
        };
        let links = ids.user.is_some() && ids.anonymous.is_some() && (user.is_none() || user != weak);
        let joins =
            links || matches!(message.body, Body::Alias { .. } | Body::Forget { .. } | Body::World { .. });
        Preview { whose, joins }
    }

    /// Everybody whose profile a message may change: the owners of its ids.
    pub(crate) fn owners(&self, message: &Message) -> SmallVec<[UserKey; 3]> {
        let mut owners = SmallVec::new();
        let mut note = |kind, id: Option<&str>| {
            let owner = id.and_then(|id| self.owner(kind, id));
            owners.extend(owner.filter(|owner| !owners.contains(owner)));
        };
        note(IdKind::User, message.ids.user.as_deref());
        note(IdKind::Anonymous, message.ids.anonymous.as_deref());
        if let Body::Alias { previous_id } = &message.body {
            note(IdKind::User, Some(previous_id));
            note(IdKind::Anonymous, Some(previous_id));
        }
        owners
    }

    /// Whether a profile is a user's, also while it is away.
    fn has_user_id(&self, user: UserKey) -> bool {
        self.ids(user).any(|(kind, _)| kind == IdKind::User)
    }
}
