"""What the plots share: figures, style, labels, histograms, thumbnails."""
