//! `send = { channel = "push", template = "hello" }`

use crate::journey::caps::{self, Kind};
use crate::journey::context::RenderRequest;
use crate::journey::gate::{Candidate, Verdict, View, judge};
use crate::journey::instance::{HAS_TOKEN, Instance, Said, Stand, WAITS_FOR_SLOT};
use crate::journey::outbox::{Origin, id_text};
use crate::journey::plan::{CompiledSend, JourneyPlan};
use crate::journey::run::Run;
use crate::journey::step::Next;
use crate::journey::{Action, Dedup, Reason, What};
use crate::model::{Instant, Object, Record, stable_hash};
use crate::profile::Profile;
use smallvec::SmallVec;
use std::sync::Arc;

/// What an action is made of.
pub(in crate::journey) struct Made<'m> {
    pub(in crate::journey) channel: &'m Arc<str>,
    pub(in crate::journey) template: &'m str,
    pub(in crate::journey) content: Object,
    /// Where its hour was chosen, how probable the choice was.
    pub(in crate::journey) probability: Option<f64>,
}

impl Run<'_, '_> {
    /// Puts a send through the gate.
    pub(in crate::journey) fn send(&mut self, instance: &mut Instance, send: &CompiledSend) -> Next {
        let id = self.action_id(instance, &send.channel);
        let content = self.content_hash(instance, send);
        match self.gate(instance, send, id, content, judge) {
            Some(Verdict::Defer { until, reason }) => {
                self.defer(instance, send, id, (until, reason));
                return Next::Wait;
            }
            Some(Verdict::Exit(reason)) => return Next::Exit(reason),
            Some(Verdict::Jump { to, reason }) => {
                self.note(instance, What::FellBack { to: self.label(instance, to), reason });
                instance.go_to(to);
            }
            Some(Verdict::Skip(reason)) => {
                self.note(instance, What::Skipped { reason });
                instance.step += 1;
            }
            Some(Verdict::Ghost) => {
                self.note(instance, What::Ghost { channel: send.channel.clone() });
                instance.step += 1;
            }
            None => {
                let what = self.sent(instance, send, (id, content));
                self.note(instance, what);
                instance.step += 1;
            }
        }
        instance.drop_choice();
        Next::Step
    }

    /// Asks the gate of a send, which is deferred or comes here for the first time.
    fn gate<T>(
        &self,
        instance: &Instance,
        send: &CompiledSend,
        id: u128,
        content: Option<u64>,
        ask: impl Fn(&Candidate<'_>, &View<'_>) -> T,
    ) -> T {
        let store = self.cx.store;
        let kind = self.kind(instance, send);
        let view = View {
            cx: self.cx,
            plan: self.plan,
            sends: &self.known.sends,
            zone: store.zone(store.get(self.user)),
            throttles: self.throttles,
            times: self.times,
        };
        ask(&Candidate { user: self.user, instance, send, kind, id, content }, &view)
    }

    /// Lets a send wait, and takes what it needs to come in time then.
    fn defer(
        &mut self,
        instance: &mut Instance,
        send: &CompiledSend,
        id: u128,
        (until, reason): (Instant, Reason),
    ) {
        self.note(instance, What::Deferred { until, reason });
        instance.flags &= !(HAS_TOKEN | WAITS_FOR_SLOT);
        match reason {
            Reason::Cap => instance.flags |= WAITS_FOR_SLOT,
            Reason::Throttled => {
                self.take_token(&send.channel);
                instance.flags |= HAS_TOKEN;
            }
            Reason::BestTime => {
                let best = self.gate(instance, send, id, None, |candidate, view| view.best_time(candidate));
                best.into_iter().for_each(|best| instance.more().probability = Some(best.probability));
            }
            _ => {}
        }
        instance.wait_until(until, Stand::Deferred);
    }

    fn take_token(&mut self, channel: &Arc<str>) {
        if let Some(throttle) = self.plan.policy.throttles.get(&**channel) {
            self.throttles.take(channel, *throttle, self.cx.now);
        }
    }

    fn kind<'s>(&self, instance: &Instance, send: &'s CompiledSend) -> Kind<'s> {
        let class = self.journey(instance).definition.class;
        Kind { class, channel: &send.channel, tags: &send.tags }
    }

    fn render(&self, instance: &Instance, send: &CompiledSend) -> Result<Object, String> {
        let (key, event, template) = (instance.key.value(), instance.event(), &*send.definition.template);
        (self.cx.render)(&RenderRequest { user: self.user, template, key, event })
    }

    /// What tells whether a send says the same as another, where that is asked: its key, or channel, template and content.
    fn content_hash(&self, instance: &Instance, send: &CompiledSend) -> Option<u64> {
        send.dedup?;
        let hash = match &send.definition.dedup {
            Some(Dedup { key: Some(key), .. }) => stable_hash(&[b"key", key.as_bytes()]),
            _ => {
                let mut content = Vec::new();
                self.render(instance, send).ok()?.write(&mut content);
                let template = send.definition.template.as_bytes();
                stable_hash(&[b"content", send.channel.as_bytes(), template, &content])
            }
        };
        // 0 stands for nothing.
        Some((hash as u64).max(1))
    }

    /// Puts an action into the outbox that may go there.
    fn sent(
        &mut self,
        instance: &mut Instance,
        send: &CompiledSend,
        (id, said): (u128, Option<u64>),
    ) -> What {
        let Ok(content) = self.render(instance, send) else {
            return What::Skipped { reason: Reason::Template };
        };
        let (now, kind) = (self.cx.now, self.kind(instance, send));
        let best = || self.gate(instance, send, id, said, |candidate, view| view.best_time(candidate));
        let probability = instance.probability().or_else(|| best().map(|best| best.probability));
        if instance.flags & HAS_TOKEN == 0 {
            self.take_token(&send.channel);
        }
        if said.is_some() || self.plan.policy.is_counted(kind) {
            let (channel, class, tags) = (send.channel.clone(), kind.class, send.tags.clone());
            let content = said.unwrap_or(0);
            self.known.sends.push(caps::Send { at: now, id, channel, class, tags, content });
        }
        let purpose = send.purpose.as_deref();
        let agreed = self.plan.permits.agreed(self.cx.store, self.user, purpose, kind.channel, now);
        // A grant may come to its end while the action waits.
        let expires = send.definition.expires.map(|expires| instance.wanted + expires);
        let expires = expires.into_iter().chain(agreed.ok().flatten()).min();
        let made = Made { channel: &send.channel, template: &send.definition.template, content, probability };
        self.put(id, instance, made, expires);
        self.expect_answers(instance);
        What::Sent { channel: send.channel.clone() }
    }

    /// Makes room for what the host says of the message that the step has just sent, where another step waits for that.
    pub(in crate::journey) fn expect_answers(&mut self, instance: &mut Instance) {
        let Some(step) = self.plan.step(instance.journey, instance.step) else { return };
        if step.awaited != 0 {
            let (step, round) = (instance.step, instance.round);
            let said = &mut instance.more().said;
            said.retain(|said| said.step != step);
            said.push(Said { step, round, bits: 0 });
        }
    }

    /// Puts an action of a step into the outbox, where it may wait as long as the settings say.
    pub(in crate::journey) fn put(
        &mut self,
        id: u128,
        instance: &Instance,
        made: Made<'_>,
        expires: Option<Instant>,
    ) {
        let journey = self.journey(instance);
        let Made { channel, template, content, probability } = made;
        let action = Action {
            at: self.cx.now,
            id: id_text(id),
            user: self.cx.store.name(self.user).as_str().into(),
            journey: journey.name.clone(),
            step: journey.label(instance.step),
            channel: channel.clone(),
            content,
            key: instance.key.value().cloned(),
            template: template.into(),
            attempt: 0,
            probability,
        };
        let kept = self.plan.outbox_max.map(|max| self.cx.now + max);
        let expires = expires.into_iter().chain(kept).min();
        let store = self.cx.store;
        let origin = Origin::of(instance);
        let zone = self.plan.quiet_zone(&origin, store.zone(store.get(self.user)));
        self.outbox.put((id, self.user), origin, expires, zone, action);
    }

    /// The same after any replay. An instance that comes back to a step sends another action, so its round counts; the
    /// first time round there is none in it.
    pub(in crate::journey) fn action_id(&self, instance: &Instance, channel: &str) -> u128 {
        self.plan.action_id(self.cx.store.get(self.user), instance, channel)
    }
}

impl JourneyPlan {
    /// See [`Run::action_id`]. No two users have one name; a device has one visitor after another, who enter at other
    /// instants. The bucketing id would not do: it may be that of a visitor and of who signed in on the device before.
    pub(in crate::journey) fn action_id(&self, user: &Profile, instance: &Instance, channel: &str) -> u128 {
        let journey = &self.journeys[usize::from(instance.journey)];
        let key = instance.key.stable_text();
        let (version, entry) = (journey.version.to_le_bytes(), instance.entry.to_le_bytes());
        let (step, round) = (journey.label(instance.step), instance.round.to_le_bytes());
        let entered = instance.entered.as_millis().to_le_bytes();
        let mut parts: SmallVec<[&[u8]; 10]> = SmallVec::from_iter::<[&[u8]; 7]>([
            journey.name.as_bytes(),
            &version,
            user.name.as_bytes(),
            key.as_bytes(),
            &entry,
            step.as_bytes(),
            channel.as_bytes(),
        ]);
        if instance.round > 0 {
            parts.push(&round);
        }
        if !user.has_user_id {
            parts.extend([&b"visitor"[..], &entered]);
        }
        stable_hash(&parts)
    }
}
