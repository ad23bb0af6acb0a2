//! Taking back what an import did, an undo's deeds too.

use super::{Script, What, comparing::brief, model};
use crate::make::Chance;
use anyhow::bail;

impl Script {
    /// Takes back one of the imports that were applied, mostly a recent one, if it is not taken
    /// back already.
    pub(super) async fn undo(&mut self, chance: &mut Chance) -> anyhow::Result<()> {
        match self.undo_previewed(chance).await? {
            Some(undo) => self.applied(undo, chance).await,
            None => Ok(()),
        }
    }

    /// The preview of an undo of whatever was applied; its place in the list.
    pub(super) async fn undo_previewed(
        &mut self,
        chance: &mut Chance,
    ) -> anyhow::Result<Option<usize>> {
        let applied: Vec<usize> = (0..self.imports.len())
            .filter(|place| self.imports[*place].applied.is_some())
            .collect();
        let recent = if chance.is(80) {
            applied.len().min(4)
        } else {
            applied.len()
        };
        let place = *chance.of(&applied[applied.len() - recent..]);
        self.undo_of(place).await
    }

    /// The preview of the undo of that import; its place in the list.
    pub(super) async fn undo_of(&mut self, place: usize) -> anyhow::Result<Option<usize>> {
        self.end_strays(place).await?;
        let answer = self.asker.ask(&self.imports[place].id, "undo").await?;
        let is_allowed = self.may_be_undone(place);
        if is_allowed != (answer.status == 202) {
            let should = if is_allowed { "may" } else { "may not" };
            bail!(
                "import {place} {should} be undone, and Muster answers {}: {}",
                answer.status,
                answer.text()
            );
        }
        if !is_allowed {
            return Ok(None);
        }
        let undo = self.remember(
            super::super::asker::id_of(&answer.json())?,
            What::Undo(place),
        );
        self.previewed(undo).await?;
        Ok(Some(undo))
    }

    /// An import is undone once, unless the undo left something and was not itself undone.
    fn may_be_undone(&self, place: usize) -> bool {
        let Some(undo) = self.undone_by(place) else {
            return true;
        };
        let import = &self.imports[undo];
        let left = import
            .applied
            .as_ref()
            .is_some_and(|applied| model::left_something(&import.plans, applied));
        left && self.undone_by(undo).is_none()
    }

    /// The newest undo that was not cancelled.
    fn undone_by(&self, place: usize) -> Option<usize> {
        let is_of = |undo: &usize| {
            matches!(self.imports[*undo].what, What::Undo(of) if of == place)
                && !self.imports[*undo].is_cancelled
        };
        (0..self.imports.len()).rev().find(is_of)
    }

    /// A request that was repeated may come through late, and make an undo that nobody wants any
    /// more.
    async fn end_strays(&self, place: usize) -> anyhow::Result<()> {
        let mut places = vec![place];
        places.extend(self.undone_by(place));
        for place in places {
            let import = self.asker.import(&self.imports[place].id).await?;
            let Some(undo) = import["undone_by"].as_str() else {
                continue;
            };
            self.end_stray(undo).await?;
        }
        Ok(())
    }

    /// Cancels an import that nobody knows of.
    pub(super) async fn end_stray(&self, id: &str) -> anyhow::Result<()> {
        if self.imports.iter().any(|import| import.id == id) {
            return Ok(());
        }
        self.asker.ask(id, "cancel").await?;
        let ended = self.asker.rest(id).await?;
        if ended["status"] != "cancelled" {
            bail!("an import that nobody applied came to {}", brief(&ended));
        }
        Ok(())
    }
}
