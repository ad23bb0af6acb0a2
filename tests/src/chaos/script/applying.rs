//! From a preview to its end: applied as it is, paused on the way, or cancelled half-way.

use super::{Script, What, comparing::brief, model, origin};
use crate::{chaos::model::Executed, make::Chance};
use anyhow::bail;
use serde_json::{Value, json};
use std::{collections::HashSet, time::Duration};

/// So often an import that gave up is asked to try again. Servers are away for half of the time.
const RETRIES: usize = 20;

/// What the admin means to do while it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intention {
    Wait,
    PauseAndResume,
    PauseAndCancel,
    Cancel,
}

impl Script {
    /// Applies a preview, perhaps not to its end, and compares what came out.
    pub(super) async fn applied(
        &mut self,
        place: usize,
        chance: &mut Chance,
    ) -> anyhow::Result<()> {
        let intentions = [
            Intention::PauseAndResume,
            Intention::PauseAndResume,
            Intention::PauseAndCancel,
            Intention::Cancel,
        ];
        let intention = if chance.is(55) {
            Intention::Wait
        } else {
            *chance.of(&intentions)
        };
        // Few lines are soon done; who waits longer pauses nothing.
        let delay =
            Duration::from_millis(chance.below(20 + self.imports[place].plans.len() / 10) as u64);
        let id = self.imports[place].id.clone();
        let deletes = self.imports[place]
            .plans
            .iter()
            .filter(|plan| plan.deed.action == model::Action::Delete)
            .count();
        let answer = self
            .asker
            .ask_with(&id, "apply", &json!({"deletes": deletes}))
            .await?;
        if answer.status != 202 {
            bail!("apply is refused: {}", answer.text());
        }
        self.counting.figures().applies += 1;
        if intention != Intention::Wait {
            tokio::time::sleep(delay).await;
            self.asker
                .ask(
                    &id,
                    if intention == Intention::Cancel {
                        "cancel"
                    } else {
                        "pause"
                    },
                )
                .await?;
        }
        let ended = self.ended(&id, intention).await?;
        let executed = match ended["status"].as_str() {
            Some("cancelled") => Some(self.executed(place, &ended).await?),
            _ => None,
        };
        let plans = &self.imports[place].plans;
        let applied = model::apply(
            &mut self.state,
            &origin(&self.imports, place),
            plans,
            place,
            executed.as_ref(),
        );
        let is_undo = matches!(self.imports[place].what, What::Undo(_));
        self.counting.figures().undos += u64::from(is_undo);
        let import = &mut self.imports[place];
        (import.applied, import.is_cancelled) = (Some(applied), executed.is_some());
        self.compare_applied(place, &ended).await
    }

    /// The import at its end. A pause may come late, from an api that was frozen: whatever rests on
    /// the way is asked to go on.
    async fn ended(&self, id: &str, intention: Intention) -> anyhow::Result<Value> {
        let mut retries = 0;
        loop {
            let import = self.asker.rest(id).await?;
            let may_be_cancelled =
                matches!(intention, Intention::Cancel | Intention::PauseAndCancel);
            let request = match import["status"].as_str() {
                Some("applied") => return Ok(import),
                Some("cancelled") if may_be_cancelled => return Ok(import),
                Some("paused") if intention == Intention::PauseAndCancel => "cancel",
                Some("paused") => "resume",
                Some("failed") if retries < RETRIES => {
                    retries += 1;
                    "retry"
                }
                _ => bail!("an import came to a wrong end: {}", brief(&import)),
            };
            self.asker.ask(id, request).await?;
        }
    }

    /// What an import that was cancelled came to: the one thing that only Muster can know.
    async fn executed(&self, place: usize, ended: &Value) -> anyhow::Result<Executed> {
        let import = &self.imports[place];
        let report = self.report(&import.id, ended).await?;
        let tried: HashSet<u32> = report
            .lines
            .iter()
            .filter(|line| !line.outcome.is_empty())
            .map(|line| line.line)
            .collect();
        let lines: HashSet<u32> = import
            .plans
            .iter()
            .filter(|plan| plan.deed.subject.is_some() && tried.contains(&plan.line))
            .map(|plan| plan.line)
            .collect();
        let groundwork =
            !lines.is_empty() || ended["effects"]["categories_created"].as_i64().unwrap_or(0) > 0;
        Ok(Executed { lines, groundwork })
    }
}
