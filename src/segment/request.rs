//! `request.…`: what the host passes with a decision, known only in the conditions of placements.

use crate::segment::check::{Checked, Checker, Scope, Type};
use crate::segment::evaluate::Evaluation;
use crate::segment::node::Node;
use crate::segment::value::Val;
use crate::segment::{Error, ErrorKind, Span};

impl Checker<'_> {
    /// What a name below `request.` is; nothing where it is none, or an attribute that the schema declares.
    pub(crate) fn request(&mut self, name: &str, span: Span, scope: &Scope) -> Option<Checked> {
        let path = name.strip_prefix("request.")?;
        if scope.in_placement {
            return Some(self.still(Node::Request(path.into()), Type::Any));
        }
        if self.schema.is_partial || self.schema.attribute_kind(name).is_some() {
            return None;
        }
        let message = "`request.…` is known only in the conditions of placements";
        let error = Error::new(ErrorKind::OutOfPlace, message, span);
        Some(self.error(error.help(format!("an attribute of that name is `user.{name}`"))))
    }
}

impl<'a> Evaluation<'a> {
    /// What the request has at a path.
    pub(crate) fn request(&self, path: &str) -> Val<'a> {
        self.request.and_then(|request| request.get_path(path)).map_or(Val::Missing, Val::of)
    }
}
