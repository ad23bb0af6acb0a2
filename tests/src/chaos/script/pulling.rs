//! Pulling the ground away: segments, courses and categories that a preview names are taken back
//! before it is applied.

use super::Script;
use crate::{
    chaos::sheet::{Sheet, Size},
    make::Chance,
};

/// Of 100 lines of a file so many name what is taken back.
const NAMED: usize = 20;

impl Script {
    /// Something new, a file that uses it, and the undo of the new; the file and the undo are
    /// applied in either order.
    pub(super) async fn pull_away(
        &mut self,
        step: usize,
        chance: &mut Chance,
    ) -> anyhow::Result<()> {
        let (new, using) = match chance.below(3) {
            0 => self.segment(step, chance),
            1 => self.course(step, chance),
            _ => self.category(step, chance),
        };
        let new = self.upload(&format!("{step}-new"), new, chance).await?;
        self.previewed(new).await?;
        self.applied(new, chance).await?;
        let using = self.upload(&format!("{step}-using"), using, chance).await?;
        self.previewed(using).await?;
        let undo = self.undo_of(new).await?;
        let mut imports: Vec<usize> = [Some(using), undo].into_iter().flatten().collect();
        if chance.is(70) {
            imports.reverse();
        }
        for import in imports {
            self.applied(import, chance).await?;
        }
        Ok(())
    }

    fn segment(&self, step: usize, chance: &mut Chance) -> (Sheet, Sheet) {
        let key = format!("ground-{step}");
        let new = self.cast.of_recipe("create-segments", chance, Size::Small);
        let using = self.cast.of_recipe("add-to-segments", chance, Size::Small);
        (
            with_lines(new, &["idnumber", "name"], &[&[&key, "Ground"]]),
            naming(using, &["cohort", "segment"], &key, chance),
        )
    }

    fn course(&self, step: usize, chance: &mut Chance) -> (Sheet, Sheet) {
        let key = format!("ground-{step}");
        let new = self.cast.of_recipe("create-courses", chance, Size::Small);
        let using = self.cast.of_recipe("enrol-in-courses", chance, Size::Small);
        (
            with_lines(new, &["shortname", "fullname"], &[&[&key, "Ground"]]),
            naming(using, &["course"], &key, chance),
        )
    }

    /// Courses into a category, and others into it and below it.
    fn category(&self, step: usize, chance: &mut Chance) -> (Sheet, Sheet) {
        let columns = ["shortname", "fullname", "category_path"];
        let (key, path) = (format!("ground-{step}"), format!("Ground / {step}"));
        let (other, below) = (format!("{key}-b"), format!("{path} / Below"));
        let new = self.cast.of_recipe("create-courses", chance, Size::Small);
        let using = self.cast.of_recipe("create-courses", chance, Size::Small);
        let deep = if chance.is(50) { &below } else { &path };
        (
            with_lines(new, &columns, &[&[&key, "Ground", &path]]),
            with_lines(using, &columns, &[&[&other, "Other", deep]]),
        )
    }
}

fn with_lines(sheet: Sheet, columns: &[&str], lines: &[&[&str]]) -> Sheet {
    let owned = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    Sheet {
        headings: owned(columns),
        records: lines.iter().map(|line| owned(line)).collect(),
        ..sheet
    }
}

fn naming(mut sheet: Sheet, columns: &[&str], key: &str, chance: &mut Chance) -> Sheet {
    let is_meant = |heading: &String| {
        columns
            .iter()
            .any(|column| heading.trim().to_lowercase().starts_with(column))
    };
    if let Some(at) = sheet.headings.iter().position(is_meant) {
        for cell in sheet
            .records
            .iter_mut()
            .filter_map(|record| record.get_mut(at))
        {
            if chance.is(NAMED) {
                key.clone_into(cell);
            }
        }
    }
    sheet
}
