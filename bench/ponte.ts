/**
 * A ponte ao lado do etcd pelo seu cliente do npm, com a mesma carga e na mesma máquina: três
 * membros, 64 operários em três conexões, pares alternados.
 *
 * ```sh
 * deno task bench:ponte --pares=4
 * ```
 *
 * @module
 */

import { Etcd3 } from "npm:etcd3@1.1.2";
import { Cliente } from "../cliente.ts";
import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { lerOpcoes, naoDeixarProgramas } from "../tests/apoio.ts";
import { abrirEtcd, abrirPontes, SEM_ETCD } from "../tests/apoio/etcd.ts";
import { medir, type Operador } from "./carga.ts";

const OPERARIOS = 64;
const KEYS = 1_000;
const VALUE = "x".repeat(100);
const TEMPOS = { ms: 3_000, aquecer: 500 };

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));

let pedidos = 0;
const CARGAS: { readonly [nome: string]: (operador: Operador) => Promise<unknown> } = {
  PUT: (operador) => operador.put(`k${pedidos++ % KEYS}`, VALUE),
  GET: (operador) => operador.get(`k${pedidos++ % KEYS}`),
};

if (import.meta.main) {
  const pares = lerOpcoes(
    "bench:ponte [--pares=N]",
    { textos: ["pares"], sinais: [] },
    (lidos) => lerOpcao(lidos, "pares", inteiroEntre(1, 100)) ?? 4,
  );
  if (SEM_ETCD) {
    escrever("Falta o etcd (no Debian: apt install etcd-server)");
    Deno.exit(2);
  }
  naoDeixarProgramas();
  {
    await using etcd = await abrirEtcd();
    await using pontes = await abrirPontes(etcd, "--silencioso");
    const dele = new Etcd3({ hosts: [...etcd.urls] });
    const doEtcd: Operador = {
      put: (key, value) => dele.put(`kv/${key}`).value(value).exec(),
      get: (key) => dele.get(`kv/${key}`).string(),
    };
    const nosso: Operador = new Cliente(pontes.enderecos);
    const processos = (pids: readonly number[]) => ({
      processos: pids.map((pid) => ({ nome: "", pid })),
    });
    const dasPontes = [0, 1, 2].map((n) => pontes.programa(n).pid);
    const operarios = (um: Operador) => Array<Operador>(OPERARIOS).fill(um);
    for (const [nome, pedido] of Object.entries(CARGAS)) {
      for (let par = 0; par < pares; par++) {
        const sem = await medir(operarios(doEtcd), pedido, processos(etcd.pids()), TEMPOS);
        const com = await medir(operarios(nosso), pedido, processos(dasPontes), TEMPOS);
        escrever(
          `${nome}: etcd3 ${Math.round(sem.porSegundo)}/s, ponte ${
            Math.round(com.porSegundo)
          }/s, ` +
            `${(com.porSegundo / sem.porSegundo).toFixed(2)} vezes; p50 ${sem.p50.toFixed(1)} e ` +
            `${com.p50.toFixed(1)} ms; processador por pedido: das pontes ` +
            `${Math.round(com.cpuDosNos)} µs, do etcd com o cliente dele ${
              Math.round(sem.cpuDosNos)
            } µs, do cliente dele ${Math.round(sem.cpuDeQuemPede)} µs, do nosso ${
              Math.round(com.cpuDeQuemPede)
            } µs`,
        );
      }
    }
    dele.close();
    await (nosso as Cliente).fechar();
  }
}
