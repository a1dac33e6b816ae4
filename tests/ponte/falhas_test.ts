import { assert, assertEquals } from "@std/assert";
import { SEM_ETCD } from "../apoio/etcd.ts";
import { correrSobreEtcd } from "../falhas/sobre_etcd.ts";

Deno.test(
  "sobre o etcd, membros e pontes mortos e pausados: nada confirmado se perde, ninguém volta no tempo, e os PUTs andam com um membro morto",
  { ignore: SEM_ETCD || Deno.build.os === "windows" },
  async () => {
    const semente = Math.floor(Math.random() * 2 ** 32);
    const relatorio = await correrSobreEtcd({ segundos: 9, semente });
    assertEquals(relatorio.quebras, [], `semente ${semente}`);
    assert(relatorio.historia.operacoes.length > 100);
    // Com um membro morto mais tempo do que dura uma eleição, os PUTs tiveram de andar.
    if (relatorio.maiorMorte > 2_500) assert(relatorio.confirmadosSemUm > 0, `semente ${semente}`);
  },
);
