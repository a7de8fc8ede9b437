"""Randomly initialised transformers of two layers, as folders."""

import torch
from static_models import tiny_tokenizer
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
# RoBERTa's positions start behind that of the padding, id 1 in the tiny vocabulary.
_FAMILIES = {
    "bert": (BertConfig, BertModel, BertForSequenceClassification, 32),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaModel, XLMRobertaForSequenceClassification, 34),
}


def _save(folder, family, classifier):
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    configuration, encoder, with_head, positions = _FAMILIES[family]
    further = {"num_labels": 1} if classifier else {}
    settings = configuration(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=positions, pad_token_id=1,
        initializer_range=0.3, **SIZES, **further,
    )  # fmt: skip
    model = (with_head if classifier else encoder)(settings)
    with torch.no_grad():  # as trained models have them; new ones are all zero
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.1)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>",
        model_max_length=32,
    ).save_pretrained(folder)  # fmt: skip


def tiny_encoder(folder, family="bert", pooling="mean"):
    """Write a sentence-transformers folder with the prompts `a ` and `b `."""
    from sentence_transformers import SentenceTransformer, models

    _save(folder, family, classifier=False)
    transformer = models.Transformer(str(folder))
    model = SentenceTransformer(modules=[transformer, models.Pooling(16, pooling_mode=pooling)], device="cpu")
    model.prompts = {"query": "a ", "passage": "b "}
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def tiny_cross_encoder(folder, family="bert"):
    """Write a folder that sentence-transformers' CrossEncoder loads, with one output."""
    _save(folder, family, classifier=True)
    return folder
