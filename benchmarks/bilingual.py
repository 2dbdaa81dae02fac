"""Questions to the sample's documents, English and Chinese, each with words that only its answer holds.

``SAME`` are in the language of their answer, and ``ACROSS`` in the other one; few repeat the answer's words.
They were written for this benchmark, before it was first run.
"""

from __future__ import annotations

__all__ = ["ACROSS", "SAME"]

SAME = (
    ("How much vacation do employees get?", "27 days of paid holiday"),
    ("When does the first team start in the morning?", "The ovens are lit at 3:30"),
    ("I have a fever, whom do I tell?", "Call the shift leader"),
    ("How hot can the deck oven get?", "280 °C"),
    ("Is the shop at the railway open in the evening?", "Every day from 5:30 to 21:00"),
    ("How far ahead must a marriage cake be booked?", "Wedding cakes need three weeks"),
    ("How much salt goes into the sourdough?", "560 g of salt"),
    ("What did a stranger ask for on a piece of paper?", "visitor@example.com"),
    ("什么时候收面粉？", "每周二和周五早上七点"),
    ("自己付的钱怎么要回来？", "三十天内报销"),
    ("黄油是谁供应的？", "青山牧场"),
    ("采购的事情找谁？", "陈丽"),
    ("不能吃坚果的人能买什么？", "苹果派"),
    ("哪里能买到不含麸质的蛋糕？", "只在车站店出售"),
    ("仓库应该多凉？", "十八度以下"),
    ("鸡蛋多久送一次？", "城南农场"),
)
ACROSS = (
    ("When is the flour delivered?", "每周二和周五早上七点"),
    ("Who is responsible for purchasing?", "陈丽"),
    ("How do I get back money that I paid myself?", "三十天内报销"),
    ("Where can I buy a gluten-free cake?", "只在车站店出售"),
    ("Which farm sends the eggs?", "城南农场"),
    ("员工每年有多少天带薪假期？", "27 days of paid holiday"),
    ("婚礼蛋糕要提前多久订？", "Wedding cakes need three weeks"),
    ("烤箱显示错误 E-47 怎么办？", "the door sensor is dirty"),
    ("生病了要给谁打电话？", "Call the shift leader"),
    ("酸面包要烤多长时间？", "Bake for 42 minutes"),
)
