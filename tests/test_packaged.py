"""Finding the files that the program brings along."""

from digest import packaged


def test_editors_templates_go_first(tmp_path):
    """A template in the newsletter's folder takes the place of ours, which stays as a fallback."""
    own = tmp_path / "templates"
    own.mkdir()
    first, second = packaged.templates(tmp_path)
    assert first == own
    assert (second / "mail").is_dir()


def test_folder_without_templates_uses_ours(tmp_path):
    """A newsletter without templates of its own is no mistake."""
    assert packaged.templates(tmp_path) == packaged.templates(None)


def test_repository_is_searched_once():
    """In the repository the editors' own templates are the packaged ones."""
    (only,) = packaged.templates(None)
    assert packaged.templates(only.parent) == (only,)


def test_sample_is_whole():
    """Everything that `digest demo` starts from is there."""
    assert packaged.sample_config().is_file()
    assert packaged.sample_subscribers().is_file()
    assert packaged.sample().is_dir()
