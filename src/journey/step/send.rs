//! `send = { channel = "push", template = "hello" }`

use crate::journey::caps::{self, Kind};
use crate::journey::context::RenderRequest;
use crate::journey::gate::{Candidate, Verdict, View, judge};
use crate::journey::instance::{Instance, Said, Stand};
use crate::journey::outbox::Origin;
use crate::journey::plan::CompiledSend;
use crate::journey::run::Run;
use crate::journey::step::Next;
use crate::journey::{Action, Reason, What};
use crate::model::{Object, stable_hash};

impl Run<'_, '_> {
    /// Puts a send through the gate.
    pub(in crate::journey) fn send(&mut self, instance: &mut Instance, send: &CompiledSend) -> Next {
        let what = match self.judged(instance, send) {
            Some(Verdict::Defer { until, reason }) => {
                self.note(instance, What::Deferred { until, reason });
                instance.wait_until(until, Stand::Deferred);
                return Next::Wait;
            }
            Some(Verdict::Skip(reason)) => What::Skipped { reason },
            Some(Verdict::Exit(reason)) => return Next::Exit(reason),
            None => self.sent(instance, send),
        };
        self.note(instance, what);
        instance.step += 1;
        Next::Step
    }

    /// What the gate says of a send, which is deferred or comes here for the first time.
    fn judged(&self, instance: &Instance, send: &CompiledSend) -> Option<Verdict> {
        let store = self.cx.store;
        let candidate = Candidate {
            user: self.user,
            send,
            kind: self.kind(instance, send),
            late: self.journey(instance).definition.late,
            due: instance.due,
            wanted: instance.wanted,
        };
        let view = View {
            store,
            policy: &self.plan.policy,
            permits: &self.plan.permits,
            sends: &self.known.sends,
            zone: store.zone(store.get(self.user)),
            now: self.cx.now,
            clock: self.cx.clock,
        };
        judge(&candidate, &view)
    }

    fn kind<'s>(&self, instance: &Instance, send: &'s CompiledSend) -> Kind<'s> {
        let class = self.journey(instance).definition.class;
        Kind { class, channel: &send.channel, tags: &send.tags }
    }

    /// Puts an action into the outbox that may go there.
    fn sent(&mut self, instance: &mut Instance, send: &CompiledSend) -> What {
        let (key, event, template) = (instance.key.value(), instance.event(), &*send.definition.template);
        let Ok(content) = (self.cx.render)(&RenderRequest { user: self.user, template, key, event }) else {
            return What::Skipped { reason: Reason::Template };
        };
        let (now, kind) = (self.cx.now, self.kind(instance, send));
        let id = self.action_id(instance, &send.channel);
        if self.plan.policy.is_counted(kind) {
            let (channel, class, tags) = (send.channel.clone(), kind.class, send.tags.clone());
            self.known.sends.push(caps::Send { at: now, id, channel, class, tags, content: 0 });
        }
        let agreed = self.plan.permits.agreed(self.cx.store, self.user, kind.class, kind.channel, now);
        // A grant may come to its end while the action waits.
        let expires = send.definition.expires.map(|expires| instance.wanted + expires);
        let expires = expires.into_iter().chain(agreed.ok().flatten()).min();
        self.put(id, instance, (&send.channel, template, content), expires);
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
        (channel, template, content): (&std::sync::Arc<str>, &str, Object),
        expires: Option<crate::model::Instant>,
    ) {
        let journey = self.journey(instance);
        let action = Action {
            at: self.cx.now,
            id: format!("{id:032x}"),
            user: self.cx.store.name(self.user).clone(),
            journey: journey.name.clone(),
            step: journey.label(instance.step),
            channel: channel.clone(),
            content,
            key: instance.key.value().cloned(),
            template: template.into(),
            attempt: 0,
        };
        let kept = self.plan.outbox_max.map(|max| self.cx.now + max);
        let expires = expires.into_iter().chain(kept).min();
        self.outbox.put(id, self.user, Origin::of(instance), expires, action);
    }

    /// The same after any replay. An instance that comes back to a step sends another action, so its round counts; the
    /// first time round there is none in it.
    pub(in crate::journey) fn action_id(&self, instance: &Instance, channel: &str) -> u128 {
        let journey = self.journey(instance);
        let user = self.cx.store.get(self.user).bucketing_id();
        let key = instance.key.stable_text();
        let (version, entry) = (journey.version.to_le_bytes(), instance.entry.to_le_bytes());
        let (step, round) = (journey.label(instance.step), instance.round.to_le_bytes());
        let parts: [&[u8]; 8] = [
            journey.name.as_bytes(),
            &version,
            user.as_bytes(),
            key.as_bytes(),
            &entry,
            step.as_bytes(),
            channel.as_bytes(),
            &round,
        ];
        stable_hash(if instance.round == 0 { &parts[..7] } else { &parts })
    }
}
