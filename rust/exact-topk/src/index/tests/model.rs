//! Random operations, beside the same on a plain list of rows.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Operation {
    Append(Vec<[i8; DIMENSION]>),
    Delete(Vec<prop::sample::Index>),
    /// Deletes a row and adds another with its id.
    Replace(prop::sample::Index, [i8; DIMENSION]),
    Compact,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let vector = || prop::array::uniform3(-9i8..10);
    prop_oneof![
        3 => prop::collection::vec(vector(), 0..80).prop_map(Operation::Append),
        3 => prop::collection::vec(any::<prop::sample::Index>(), 0..20).prop_map(Operation::Delete),
        1 => (any::<prop::sample::Index>(), vector()).prop_map(|(at, vector)| Operation::Replace(at, vector)),
        1 => Just(Operation::Compact),
        1 => Just(Operation::Reopen),
    ]
}

fn delete(index: &Index, model: &mut [Row], chosen: &[prop::sample::Index]) {
    let live: Vec<usize> = (0..model.len()).filter(|row| model[*row].is_live).collect();
    if live.is_empty() {
        return;
    }
    let mut chosen: Vec<usize> = chosen.iter().map(|at| live[at.index(live.len())]).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let ids = chosen.iter().map(|row| &model[*row].id).collect();
    assert_eq!(index.delete(&ids, &GO_ON).unwrap(), chosen.len());
    for row in chosen {
        model[row].is_live = false;
    }
}

fn apply(index: &mut Index, model: &mut Vec<Row>, added: &mut usize, operation: Operation) {
    match operation {
        Operation::Append(vectors) => {
            let rows = vectors.into_iter().map(|vector| {
                *added += 1;
                Row {
                    id: format!("d{added}"),
                    language: ["de", "fr", "vi"][*added % 3].to_owned(),
                    vector,
                    is_live: true,
                }
            });
            append(index, model, rows.collect());
        }
        Operation::Delete(chosen) => delete(index, model, &chosen),
        Operation::Replace(at, vector) => {
            if model.is_empty() || !model[at.index(model.len())].is_live {
                return;
            }
            let row = at.index(model.len());
            let new = Row {
                vector,
                ..model[row].clone()
            };
            index.delete(&strings(&[&new.id]), &GO_ON).unwrap();
            model[row].is_live = false;
            append(index, model, vec![new]);
        }
        Operation::Compact => {
            index.compact(&GO_ON).unwrap();
            model.retain(|row| row.is_live);
        }
        Operation::Reopen => {
            if let Some(path) = index.path() {
                *index = Index::open(path).unwrap();
            }
        }
    }
}
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn answers_as_a_plain_list_of_rows_does(
        operations in prop::collection::vec(operation(), 1..12),
        element in prop::sample::select(&Element::ALL[..]),
        is_in_memory in any::<bool>(),
        query in prop::array::uniform3(-9i8..10),
        k in 1usize..40,
    ) {
        let folder = Folder::new();
        let path = (!is_in_memory).then_some(folder.0.as_path());
        let mut index = Index::build(&Rows::of(&[]).batch(), element, path, &GO_ON).unwrap();
        let (mut model, mut added) = (Vec::new(), 0);
        for operation in operations {
            apply(&mut index, &mut model, &mut added, operation);
            compare(&index.snapshot(), &model, query.map(f32::from), k)?;
        }
        index.verify(&GO_ON).unwrap();
        let copy = Folder::new();
        index.save(&copy.0, &GO_ON).unwrap();
        model.retain(|row| row.is_live);
        let saved = Index::open(&copy.0).unwrap();
        saved.verify(&GO_ON).unwrap();
        compare(&saved.snapshot(), &model, query.map(f32::from), k)?;
    }
}
