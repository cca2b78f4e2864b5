"""What every training starts from: a network with weights, and the features of its frozen backbone."""
