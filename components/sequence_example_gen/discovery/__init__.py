"""Discovery of the features of files whose spec is not known, and of what TFRecord files hold."""
